"""What stages learn from, one source at a time, and where it lies."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass

from smolc.compiler.diagnostics import Span
from smolc.compiler.lint.context import Context
from smolc.compiler.model.addresses import is_remote
from smolc.compiler.model.data import Dataset, Row
from smolc.compiler.model.filters import text_of
from smolc.compiler.model.pair_uses import prompts_behind
from smolc.compiler.model.stage import Stage
from smolc.compiler.plan.paths import located
from smolc.compiler.resolve import Resolved

Place = tuple[str, ...]
"""A local file, or a split of a repository on the hub."""

_TEST = re.compile(r"(?:.*[_-])?test(?:[_-].*|\[.*)?", re.IGNORECASE | re.DOTALL)


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


def sources(stage: Stage, context: Context) -> tuple[Source, ...]:
    """The sources of one run of a stage, in the order of its mixture."""
    name = stage.data.name
    if name in context.recipe.mixtures:
        return mixed(name, context)
    dataset = context.recipe.rows(name)
    return (Source(name, dataset, dataset.split, None, stage.data.span),)


def mixed(name: str, context: Context) -> tuple[Source, ...]:
    """The rows of a mixture."""

    def make() -> tuple[Source, ...]:
        return tuple(
            Source(row.dataset.name, dataset, row.split or dataset.split, row, row.span)
            for row in context.recipe.mixtures[name].rows
            for dataset in (context.recipe.rows(row.dataset.name),)
        )

    return context.remember(("mixed", name), make)


def learned(stage: Stage, context: Context) -> Iterator[Source]:
    """The sources of one run of a stage; of pairs, what their prompts are from."""
    recipe = context.recipe
    for source in sources(stage, context):
        if source.name not in recipe.pairs:
            yield source
            continue
        for link in prompts_behind(recipe.pairs[source.name], recipe):
            if link.name in recipe.mixtures:
                yield from mixed(link.name, context)
            else:
                dataset = recipe.datasets[link.name]
                yield Source(link.name, dataset, dataset.split, None, link.span)


def trained(context: Context) -> tuple[tuple[str, Source], ...]:
    """Every source of every stage, with the stage's name; each mixture or dataset once. Of pairs, what their prompts are
    from."""

    def make() -> tuple[tuple[str, Source], ...]:
        read = {run.data.name: (name, run) for name in context.recipe.stages for run in context.runs(name)}
        return tuple((name, source) for name, run in read.values() for source in learned(run, context))

    return context.remember("trained", make)


def conditions(dataset: Dataset) -> str:
    """A dataset's `where`, to compare it with another's; "" if it has none."""
    return "" if dataset.where is None else text_of(dataset.where)


def named_test(text: str) -> bool:
    """Whether a split's or a file's name says that it is test data: `test`, `test_sft`, `maths-test`."""
    return "test" in text.lower() and _TEST.fullmatch(text) is not None


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
        self._folders: dict[str, str] = {}
        self._known: dict[Place, dict[str, Source]] = {}

    def add(self, source: Source) -> None:
        for place in self._places(source.dataset, source.split):
            self._known.setdefault(place, {}).setdefault(conditions(source.dataset), source)

    def shared(self, dataset: Dataset, split: str) -> tuple[Place, Source] | None:
        """A source that reads some of the same rows. Two different `where` may well tell them apart."""
        wanted = conditions(dataset)
        for place in self._places(dataset, split):
            here = self._known.get(place, {})
            found = here.get(wanted) or here.get("")
            if found is None and not wanted:
                found = next(iter(here.values()), None)
            if found is not None:
                return place, found
        return None

    def _places(self, dataset: Dataset, split: str) -> list[Place]:
        """Where the rows lie: each file, by its path without `..`, or the one split of the hub."""
        if dataset.path is None:
            return [("hub", (dataset.hub or "").lower(), dataset.config or "", split)]
        span = dataset.span_of("path")
        source = span.source.name if span else ""
        if source not in self._folders:
            self._folders[source] = str(located(self._resolved, "", span))
        inside = f"{self._folders[source]}/"
        return [
            ("file", path if is_remote(path) else os.path.normpath(inside + path)) for path in dataset.path
        ]
