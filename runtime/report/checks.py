"""What scores had to be: the expectations of the recipe, and what published models are known to score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from smolc.runtime.report.collect import Run
from smolc.runtime.report.outputs import number, objects
from smolc.runtime.report.text import decimal, label, percent


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
        for check in objects(view.result.get("checks"))
    ]


def _replicated(id: str, check: dict[str, Any]) -> CheckLine:
    published, measured = number(check.get("published")), number(check.get("measured"))
    tolerance = number(check.get("tolerance"))
    known = [x for x in (published, measured, tolerance) if x is not None]
    say = percent if all(0 <= x <= 1 for x in known) else decimal
    numbers = f"measured {'nothing' if measured is None else say(measured)}, published {say(published)} ± {say(tolerance)}"
    return CheckLine(
        id, label(f"{check.get('model')}.{check.get('task')}"), check.get("holds") is True, numbers
    )
