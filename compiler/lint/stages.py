"""What rules ask about stages: which runs have a method, and what a stage goes back to."""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.lint.context import Context
from smolc.compiler.model.base import Variant
from smolc.compiler.model.merge import behind
from smolc.compiler.model.methods import Dpo, Kto, Sft, Simpo
from smolc.compiler.model.recipe import Recipe
from smolc.compiler.model.stage import Stage

REFERENCED = (Dpo, Kto)
"""Methods that compare with a reference model."""

BARE = (*REFERENCED, Simpo)
"""Preference methods without the loss of SFT in them."""


def runs_of(context: Context, *methods: type[Variant]) -> list[tuple[str, Stage]]:
    """Name and run, for each run of each stage that trains by one of `methods`."""

    def made() -> list[tuple[str, Stage]]:
        stages = context.recipe.stages
        return [(n, run) for n in stages for run in context.runs(n) if isinstance(run.method, methods)]

    return context.remember(("runs_of", methods), made)


def before(stage: Stage, recipe: Recipe) -> Iterator[Stage]:
    """The stages that a stage goes back to, the nearest first; through a merge to the one whose template that has."""
    while (name := behind(stage.init.name, recipe)) in recipe.stages:
        stage = recipe.stages[name]
        yield stage


def after_sft(stage: Stage, recipe: Recipe) -> bool:
    """Whether an earlier stage of the recipe was supervised fine-tuning."""
    return any(isinstance(earlier.method, Sft) for earlier in before(stage, recipe))
