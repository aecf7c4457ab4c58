"""`kind: gate`: `expect { ... }` of an eval."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.errors import JobError, run_first
from smolc.runtime.jobs.evaluate import Check, GateJob
from smolc.runtime.report.outputs import number, objects, read_object
from smolc.runtime.report.text import clean, decimal

MOST_UNSCORED = 0.1
"""Share of answers from which on it is said that they were none."""

UNSCORED = {
    "no_answer": "without an answer",
    "unterminated": "thought without end",
    "unjudged": "without a verdict of the judge",
}

COMPARE: dict[str, Callable[[float, float], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def run(context: Context) -> None:
    """Print and write how each check went. Raises JobError with those that do not hold, or have no number."""
    job: GateJob = context.job  # type: ignore[assignment]
    results = read_object(context.out_of(job.scores) / "results.json")
    scores, doubts = scores_of(results), doubts_of(results)
    if not scores:
        raise JobError(f"job {job.scores} left no scores", help=run_first(job.scores))
    checks = [evaluate(check, scores, doubts) for check in job.checks]
    for check in checks:
        print(said(check))
    context.write_result({"checks": checks, "holds": all(c["holds"] for c in checks)})
    missed = [c for c in checks if not c["holds"]]
    if missed:
        what = (
            "an expectation of this eval does"
            if len(missed) == 1
            else f"{len(missed)} expectations of this eval do"
        )
        raise JobError(f"{what} not hold:\n" + "\n".join(f"  {said(c)}" for c in missed))


def scores_of(results: dict[str, Any]) -> dict[str, float | None]:
    """`{model}.{task}` -> value, None where it is not finite; of several metrics of a task, the first."""
    scores: dict[str, float | None] = {}
    for row in objects(results.get("rows")):
        scores.setdefault(f"{row.get('model')}.{row.get('task')}", number(row.get("value")))
    return scores


def doubts_of(results: dict[str, Any]) -> dict[str, str]:
    """`{model}.{task}` -> why its score says little: how many answers were none, or got no verdict. pass@k is made from
    the answers of its task."""
    doubts: dict[str, str] = {}
    for row in objects(results.get("rows")):
        name, metric = f"{row.get('model')}.{row.get('task')}", str(row.get("metric"))
        if metric.startswith("pass@"):
            of = doubts.get(name.removesuffix(f"_pass{metric.removeprefix('pass@')}"))
            found = [of] if of else []
        else:
            answers = (number(row.get("n")) or 0) * (number(row.get("k")) or 1)
            counts = {key: number(row.get(key)) or 0 for key in UNSCORED}
            # Of problems that some have a score of, n counts those: what got no verdict comes on top.
            answers += counts["unjudged"] if number(row.get("value")) is not None else 0
            found = [
                f"{count:.0f} of {answers:.0f} {UNSCORED[key]}"
                for key, count in counts.items()
                if count > MOST_UNSCORED * answers
            ]
        if found:
            doubts.setdefault(name, ", ".join(found))
    return doubts


def evaluate(
    check: Check, scores: dict[str, float | None], doubts: Mapping[str, str] = MappingProxyType({})
) -> dict[str, Any]:
    """The check with its numbers; missing: the scores that it needs and that are not there, so that it cannot
    hold; doubts: those of the others that say little, and why."""
    terms = [(sign, scores.get(term) if isinstance(term, str) else term) for sign, term in check.terms]
    left = scores.get(check.left)
    asked = [check.left, *(term for _, term in check.terms if isinstance(term, str))]
    missing = [name for name in asked if scores.get(name) is None]
    right = None if missing else math.fsum(sign * value for sign, value in terms if value is not None)
    holds = left is not None and right is not None and compare(left, check.operator, right)
    doubted = {name: doubts[name] for name in asked if name in doubts}
    return {
        "text": check.text,
        "holds": holds,
        "left": left,
        "right": right,
        "missing": missing,
        "doubts": doubted,
    }


def compare(left: float, name: str, right: float) -> bool:
    """As written, but what differs only by rounding counts as equal: 0.1 + 0.2 is 0.3."""
    if math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-12):
        return name in ("==", "<=", ">=")
    return COMPARE[name](left, right)


def said(check: dict[str, Any]) -> str:
    """`✓ sft.words >= base.words + 50%   (0.9300 against 0.5100; base.words: 90 of 200 without an answer)`"""
    mark = "✓" if check["holds"] else "✗"
    doubts = "".join(f"; {name}: {why}" for name, why in check["doubts"].items())
    if check["missing"]:
        return clean(f"{mark} {check['text']}   (no score: {', '.join(check['missing'])}{doubts})")
    numbers = f"{decimal(check['left'])} against {decimal(check['right'])}"
    return clean(f"{mark} {check['text']}   ({numbers}{doubts})")
