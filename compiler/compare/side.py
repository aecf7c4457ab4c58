"""One of the two recipes that are compared."""

from __future__ import annotations

from dataclasses import dataclass

from smolc.compiler.lock.types import Section
from smolc.compiler.model.recipe import Recipe
from smolc.compiler.plan.types import Plan
from smolc.compiler.resolve import Resolved


@dataclass(frozen=True)
class Side:
    """A recipe on its way to files: sections, nouns and jobs.

    recipe: as it is written. locked: what the lock beside it pins, whose commits the plan has.
    """

    resolved: Resolved
    recipe: Recipe
    plan: Plan
    locked: Section | None = None
