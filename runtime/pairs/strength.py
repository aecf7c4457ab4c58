"""Answers of a strong model over those of a weak one."""

from __future__ import annotations

from collections.abc import Sequence

from smolc.runtime.jobs.pairs import Strength
from smolc.runtime.pairs.candidates import Group
from smolc.runtime.pairs.couples import SAME, Compared, Couple


def by_strength(groups: Sequence[Group], by: Strength) -> list[Compared]:
    found = []
    for group in groups:
        strong = [c for c in group.candidates if c.source in by.chosen]
        weak = [c for c in group.candidates if c.source in by.rejected]
        both = [(one, other) for one in strong for other in weak]
        couples = [Couple(one, other, 1.0) for one, other in both if one.told != other.told]
        found.append(Compared(couples, [(one, other, SAME) for one, other in both if one.told == other.told]))
    return found
