"""What scores had to be: the expectations of the recipe, and what published models are known to score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from smolc.runtime.report.collect import Run
from smolc.runtime.report.outputs import number, objects
from smolc.runtime.report.scored import interval
from smolc.runtime.report.text import count, decimal, label
from smolc.runtime.report.text import score as shown


@dataclass(frozen=True)
class CheckLine:
    eval: str
    text: str
    holds: bool
    numbers: str


def gates(run: Run) -> list[CheckLine]:
    lines = []
    for view in run.of_kind("gate"):
        for check in objects(view.result.get("checks")):
            left, right = number(check.get("left")), number(check.get("right"))
            numbers = (
                "no score" if left is None or right is None else f"{decimal(left)} against {decimal(right)}"
            )
            text = label(str(check.get("text")))
            lines.append(CheckLine(label(view.id), text, check.get("holds") is True, numbers))
    return lines


def replicated(run: Run) -> list[CheckLine]:
    """Scores of published models, measured here."""
    return [
        _replicated(label(view.id), check)
        for view in run.of_kind("replicate")
        for check in objects(view.result.get("replicated"))
    ]


def _replicated(id: str, one: dict[str, Any]) -> CheckLine:
    score, value, tolerance = (number(one.get(key)) for key in ("score", "value", "tolerance"))
    in_percent = all(x is None or 0 <= x <= 1 for x in (score, value, tolerance))
    spread = interval(number(one.get("low")), number(one.get("high")), in_percent)
    n = number(one.get("n"))
    parts = [
        "no score" if value is None else f"{shown(value, in_percent)} {spread}".rstrip(),
        *([] if n is None else [f"(n = {count(n)})"]),
        f"published {shown(score, in_percent)} ± {shown(tolerance, in_percent)}",
        *(["too few problems to tell"] if one.get("too_few") is True else []),
    ]
    name = label(f"{one.get('model')}.{one.get('task')}")
    return CheckLine(id, name, one.get("holds") is True, ", ".join(parts).replace(", (", " ("))
