"""How far apart two scores are, and whether that is more than chance."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from smolc.runtime.evaluate.metrics import Z, pass_at
from smolc.runtime.results.evaluated import ByProblem, Evaluated, Score

SURE = 0.05
"""A difference is one where chance alone gives as large a one less often."""


@dataclass(frozen=True)
class Difference:
    """One score minus another, with its 95% interval; p: how likely as large a one is by chance, None where nothing is
    known of that. n: the problems compared one by one; None where only the two scores and their errors are known."""

    value: float
    low: float | None
    high: float | None
    p: float | None
    n: int | None


def difference(one: Evaluated, mine: Score, other: Evaluated, theirs: Score) -> Difference | None:
    """mine (of `one`) minus theirs (of `other`): paired by problem where the samples give the scores, else from their
    standard errors. None where one has no value."""
    if mine.value is None or theirs.value is None:
        return None
    a, b = _by_problem(one, mine), _by_problem(other, theirs)
    if a and b:
        # Needs numpy, which a machine that only starts jobs may not have.
        from smolc.runtime.evaluate.paired import paired

        found = paired(a, b)
    else:
        found = None
    if found is not None:
        return Difference(found.difference, found.low, found.high, found.p, found.n)
    value = mine.value - theirs.value
    if mine.stderr is None or theirs.stderr is None:
        return Difference(value, None, None, None, None)
    error = math.hypot(mine.stderr, theirs.stderr)
    p = math.erfc(abs(value) / error / math.sqrt(2)) if error else float(value == 0)
    return Difference(value, value - Z * error, value + Z * error, p, None)


def verdict(score: Score, found: Difference, p: float | None) -> str:
    """`better` or `worse` where p (adjusted for all that is looked at) is below SURE, else `same`."""
    if p is None or p >= SURE:
        return "same"
    return "better" if (found.value < 0) == score.lower_is_better else "worse"


def _by_problem(one: Evaluated, score: Score) -> ByProblem:
    """The scores whose mean over problems the value is; none where it is made of them in another way."""
    k = re.fullmatch(r"pass@([0-9]+)", score.metric)
    if k is None:
        problems = one.by_problem.get((score.model, score.task), {})
    else:
        whole = one.by_problem.get((score.model, score.task.removesuffix(f"_pass{k[1]}")), {})
        problems = {
            name: [pass_at(len(s), sum(x == 1 for x in s), int(k[1]))]
            for name, s in whole.items()
            if len(s) >= int(k[1]) > 0
        }
    if not problems or score.value is None:
        return {}
    mean = math.fsum(math.fsum(s) / len(s) for s in problems.values()) / len(problems)
    return problems if math.isclose(mean, score.value, rel_tol=1e-6, abs_tol=1e-9) else {}
