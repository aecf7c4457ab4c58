"""What stages learn from, one source at a time, and where it lies."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass

from smolc.compiler.diagnostics import Span
from smolc.compiler.lint.context import Context
from smolc.compiler.model.data import Dataset, Mixture, Row
from smolc.compiler.model.recipe import Recipe
from smolc.compiler.model.stage import Stage
from smolc.compiler.plan.paths import located
from smolc.compiler.resolve import Resolved

Place = tuple[str, ...]
"""A local file, or a split of a repository on the hub."""

_TEST = re.compile(r"(?:.*[_-])?test(?:[_-].*|\[.*)?", re.IGNORECASE)


@dataclass(frozen=True)
class Source:
    """A dataset, or one split of it, as a stage reads it.

    row: its line in a mixture; None where the stage's `data` is the dataset itself. span: where the stage or
    the mixture names it.
    """

    name: str
    dataset: Dataset
    split: str
    row: Row | None
    span: Span | None

    @property
    def shown(self) -> str:
        """How messages call it: the split where a mixture names one."""
        return self.row.split if self.row is not None and self.row.split is not None else self.name


def sources(stage: Stage, recipe: Recipe) -> Iterator[Source]:
    """The sources of one run of a stage, in the order of its mixture."""
    mixture = recipe.mixtures.get(stage.data.name)
    if mixture is not None:
        yield from mixed(mixture, recipe)
    else:
        dataset = recipe.datasets[stage.data.name]
        yield Source(stage.data.name, dataset, dataset.split, None, stage.data.span)


def mixed(mixture: Mixture, recipe: Recipe) -> Iterator[Source]:
    """The rows of a mixture."""
    for row in mixture.rows:
        dataset = recipe.datasets[row.dataset.name]
        yield Source(row.dataset.name, dataset, row.split or dataset.split, row, row.span)


def trained(context: Context) -> Iterator[tuple[str, Source]]:
    """Every source of every stage, with the stage's name; each mixture or dataset once."""
    seen = set()
    for name in context.recipe.stages:
        for stage in context.runs(name):
            if stage.data.name not in seen:
                seen.add(stage.data.name)
                for source in sources(stage, context.recipe):
                    yield name, source


def places(dataset: Dataset, split: str, resolved: Resolved) -> list[Place]:
    """Where the rows lie: each file, by its path with `..` resolved, or the one split of the hub."""
    if dataset.path is None:
        return [("hub", (dataset.hub or "").lower(), dataset.config or "", split)]
    span = dataset.span_of("path")
    return [("file", os.path.normpath(located(resolved, path, span))) for path in dataset.path]


def conditions(dataset: Dataset) -> tuple[tuple[str, str, str], ...]:
    """A dataset's `where`, to compare it with another's."""
    return tuple((c.column, c.operator, repr(c.value)) for c in dataset.where)


def named_test(text: str) -> bool:
    """Whether a split's or a file's name says that it is test data: `test`, `test_sft`, `maths-test`."""
    return _TEST.fullmatch(text) is not None


def reasons(source: Source) -> bool:
    """Whether a source's name says that its answers hold a chain of thought: it ends in `_think`."""
    names = (source.split if source.dataset.hub else "", source.name, source.dataset.config or "")
    return any(_says_think(name.lower().replace("-", "_")) for name in names)


def _says_think(name: str) -> bool:
    return name.endswith("_think") and not name.endswith("no_think")


class Rows:
    """Sources by where their rows lie, to find others that read the same ones."""

    def __init__(self, resolved: Resolved) -> None:
        self._resolved = resolved
        self._known: dict[Place, dict[tuple[tuple[str, str, str], ...], Source]] = {}

    def add(self, source: Source) -> None:
        for place in places(source.dataset, source.split, self._resolved):
            self._known.setdefault(place, {}).setdefault(conditions(source.dataset), source)

    def shared(self, dataset: Dataset, split: str) -> tuple[Place, Source] | None:
        """A source that reads some of the same rows. Two different `where` may well tell them apart."""
        wanted = conditions(dataset)
        for place in places(dataset, split, self._resolved):
            here = self._known.get(place, {})
            found = here.get(wanted) or here.get(())
            if found is None and not wanted:
                found = next(iter(here.values()), None)
            if found is not None:
                return place, found
        return None
