"""`kind: gate`: `expect { ... }` of an eval."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.evaluate import Check, GateJob
from smolc.runtime.report.outputs import number, objects, read_object
from smolc.runtime.report.text import clean, decimal

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
    scores = scores_of(read_object(context.out_of(job.scores) / "results.json"))
    if not scores:
        raise JobError(f"job {job.scores} left no scores", help="run it first: smolc run does so by itself")
    checks = [evaluate(check, scores) for check in job.checks]
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


def evaluate(check: Check, scores: dict[str, float | None]) -> dict[str, Any]:
    """The check with its numbers; missing: the scores that it needs and that are not there, so that it cannot
    hold."""
    terms = [(sign, scores.get(term) if isinstance(term, str) else term) for sign, term in check.terms]
    left = scores.get(check.left)
    asked = [check.left, *(term for _, term in check.terms if isinstance(term, str))]
    missing = [name for name in asked if scores.get(name) is None]
    right = None if missing else math.fsum(sign * value for sign, value in terms if value is not None)
    holds = left is not None and right is not None and compare(left, check.operator, right)
    return {"text": check.text, "holds": holds, "left": left, "right": right, "missing": missing}


def compare(left: float, name: str, right: float) -> bool:
    """As written, but what differs only by rounding counts as equal: 0.1 + 0.2 is 0.3."""
    if math.isclose(left, right, rel_tol=1e-9, abs_tol=1e-12):
        return name in ("==", "<=", ">=")
    return COMPARE[name](left, right)


def said(check: dict[str, Any]) -> str:
    """`✓ sft.words >= base.words + 50%   (0.9300 against 0.5100)`"""
    mark = "✓" if check["holds"] else "✗"
    if check["missing"]:
        return clean(f"{mark} {check['text']}   (no score: {', '.join(check['missing'])})")
    return clean(f"{mark} {check['text']}   ({decimal(check['left'])} against {decimal(check['right'])})")
