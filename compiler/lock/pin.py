"""A recipe with the commits of its lock in place of branches and tags: what is built is then the same tomorrow."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from smolc.compiler.lock import NAME
from smolc.compiler.lock.types import Hub, Lock, Section

if TYPE_CHECKING:
    from smolc.compiler.model.data import Dataset
    from smolc.compiler.model.recipe import Recipe
    from smolc.compiler.model.start import HubTokenizer, Model
    from smolc.compiler.resolve import Resolved

MAIN = "main"


@dataclass(frozen=True)
class Locked:
    """The lock beside a recipe. section: the recipe's own, if it has one. hub: what the recipe takes from the hub, by
    the revisions that it names itself."""

    lock: Lock
    section: Section | None
    hub: tuple[Hub, ...]


def apply_lock(recipe: Recipe, resolved: Resolved, shown: str | None = None) -> tuple[Recipe, Locked | None]:
    """The recipe as the lock beside it pins it, and that lock; unchanged and None without one.

    shown: the lock's name in messages, if that is not beside the recipe's. Raises BadLock.
    """
    lock = lock_of(resolved, shown)
    if lock is None:
        return recipe, None
    section = lock.sections.get(resolved.files[0].name)
    hub = tuple(dict.fromkeys(one for _, one in hub_of(recipe)))
    return pinned(recipe, section), Locked(lock, section, hub)


def lock_of(resolved: Resolved, shown: str | None = None) -> Lock | None:
    """The lock beside a recipe, or None. shown: as for `apply_lock`. Raises BadLock."""
    place = resolved.files[0].parent
    if not _is_there(place / NAME):
        return None
    from smolc.compiler.lock.read import read_lock

    if shown is None:
        shown = os.path.join(os.path.dirname(resolved.source.name), NAME)  # noqa: PTH118, PTH120  as it is called
    return read_lock(place, shown)


def pinned(recipe: Recipe, section: Section | None) -> Recipe:
    """The recipe with every revision that the lock pins replaced by its commit; one that is a commit stays."""
    if section is None or not section.hub:
        return recipe
    from smolc.compiler.model.start import HubTokenizer

    models = {}
    for name, model in recipe.models.items():
        change: dict[str, object] = {}
        commit = commit_of(model, section)
        if commit:
            change["revision"] = commit
        tokenizer = model.tokenizer
        if isinstance(tokenizer, HubTokenizer):
            commit = commit_of(tokenizer, section)
            if commit:
                change["tokenizer"] = tokenizer.model_copy(update={"revision": commit})
        models[name] = model.model_copy(update=change) if change else model
    datasets = {}
    for name, dataset in recipe.datasets.items():
        commit = commit_of(dataset, section)
        datasets[name] = dataset.model_copy(update={"revision": commit}) if commit else dataset
    return recipe.model_copy(update={"models": models, "datasets": datasets})


def hub_of(recipe: Recipe) -> Iterator[tuple[str, Hub]]:
    """Everything that a recipe takes from the hub, with the label of the block that says so."""
    from smolc.compiler.model.start import HubTokenizer

    for name, model in recipe.models.items():
        if model.hub is not None:
            yield name, Hub("model", model.hub, model.revision or MAIN)
        tokenizer = model.tokenizer
        if isinstance(tokenizer, HubTokenizer):
            yield name, Hub("model", tokenizer.id, tokenizer.revision or MAIN)
    for name, dataset in recipe.datasets.items():
        if dataset.hub is not None:
            yield name, Hub("dataset", dataset.hub, dataset.revision or MAIN)


def commit_of(noun: Model | HubTokenizer | Dataset, section: Section) -> str | None:
    """What the lock pins the revision of one block or tokenizer to; None if that is a commit itself, or not pinned."""
    from smolc.compiler.lock.read import COMMIT
    from smolc.compiler.model.data import Dataset
    from smolc.compiler.model.start import HubTokenizer

    id = noun.id if isinstance(noun, HubTokenizer) else noun.hub
    if id is None or (noun.revision is not None and COMMIT.fullmatch(noun.revision)):
        return None
    type_ = "dataset" if isinstance(noun, Dataset) else "model"
    return section.hub.get(Hub(type_, id, noun.revision or MAIN))


def _is_there(path: Path) -> bool:
    try:
        path.lstat()
    except (OSError, ValueError):
        return False
    return True
