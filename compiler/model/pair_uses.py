"""What `generate` and `pairs` read and ask."""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.model.pairing import Exact, Pairs, Tests
from smolc.compiler.model.recipe import Recipe
from smolc.compiler.model.types import Link


def models_asked(recipe: Recipe) -> set[str]:
    """Models, stages and merges that answer prompts or judge answers."""
    asked = {made.of.name for made in recipe.generates.values()}
    return asked | {link.name for pairs in recipe.pairs.values() for link in pairs.judges}


def data_read(recipe: Recipe) -> set[str]:
    """Datasets whose prompts are answered, whose answers are paired or which say what is right; and mixtures of prompts."""
    read: set[str] = set()
    for made in recipe.generates.values():
        read.add(made.prompts.name)
        if made.prompts.name in recipe.mixtures:
            read.update(row.dataset.name for row in recipe.mixtures[made.prompts.name].rows)
    for pairs in recipe.pairs.values():
        read.update(link.name for link in pairs.answers if link.name in recipe.datasets)
        if isinstance(pairs.by, (Exact, Tests)) and pairs.by.problems is not None:
            read.add(pairs.by.problems.name)
    return read


def prompts_behind(pairs: Pairs, recipe: Recipe) -> Iterator[Link]:
    """The data whose prompts a stage that learns from these pairs is trained on, and what says which answers to them are
    right: datasets and mixtures."""
    for link in pairs.answers:
        yield recipe.generates[link.name].prompts if link.name in recipe.generates else link
    if isinstance(pairs.by, (Exact, Tests)) and pairs.by.problems is not None:
        yield pairs.by.problems
