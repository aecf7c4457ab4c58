"""Reading what a judge said. Only its last line of the asked form counts; prose is no verdict."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

LOWEST, HIGHEST = 1.0, 10.0

_LEFT, _RIGHT = r"^[\s>*_#\-]*", r"[\s*_.!]*$"
_GRADE = re.compile(
    rf"{_LEFT}Grade[*_]*\s*[:=][*_\s]*\[*(?P<grade>-?[0-9]+(?:\.[0-9]+)?)\]*(?:\s*(?:/|out of)\s*10)?{_RIGHT}",
    re.IGNORECASE | re.MULTILINE,
)
_VERDICT = re.compile(
    rf"{_LEFT}Verdict[*_]*\s*[:=][*_\s]*\[*(?:answer\s+)?(?P<verdict>A|B|tie)\]*{_RIGHT}",
    re.IGNORECASE | re.MULTILINE,
)

Better = Literal["A", "B", "tie"]


@dataclass(frozen=True)
class Unjudged:
    """why: what is wrong with what the judge said, in a few words."""

    why: str


def grade_in(text: str) -> float | Unjudged:
    """1 to 10."""
    found = _GRADE.findall(text)
    if not found:
        return Unjudged("the judge gave no grade")
    grade = float(found[-1])
    if not LOWEST <= grade <= HIGHEST:
        return Unjudged(f"the judge gave {found[-1]}, out of 1 to 10")
    return grade


def better_in(text: str) -> Better | Unjudged:
    found = _VERDICT.findall(text)
    if not found:
        return Unjudged("the judge gave no verdict")
    said = found[-1].lower()
    return "tie" if said == "tie" else "A" if said == "a" else "B"
