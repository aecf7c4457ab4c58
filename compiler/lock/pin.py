"""A recipe with the commits of its lock in place of branches and tags: what is built is then the same tomorrow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from smolc.compiler.lock import NAME
from smolc.compiler.lock.types import Hub, Lock, Section

if TYPE_CHECKING:
    from smolc.compiler.model.recipe import Recipe
    from smolc.compiler.resolve import Resolved

MAIN = "main"


@dataclass(frozen=True)
class Locked:
    """The lock beside a recipe. section: the recipe's own, if it has one. hub: what the recipe takes from the hub, by
    the revisions that it names itself."""

    lock: Lock
    section: Section | None
    hub: tuple[Hub, ...]


def apply_lock(recipe: Recipe, resolved: Resolved) -> tuple[Recipe, Locked | None]:
    """The recipe as the lock beside it pins it, and that lock; unchanged and None without one. Raises BadLock."""
    lock = lock_of(resolved)
    if lock is None:
        return recipe, None
    section = lock.sections.get(resolved.files[0].name)
    hub = tuple(dict.fromkeys(one for _, one in hub_of(recipe)))
    return pinned(recipe, section), Locked(lock, section, hub)


def lock_of(resolved: Resolved) -> Lock | None:
    """The lock beside a recipe, or None. Raises BadLock."""
    place = resolved.files[0].parent
    if not _is_there(place / NAME):
        return None
    from smolc.compiler.lock.read import read_lock

    return read_lock(place)


def pinned(recipe: Recipe, section: Section | None) -> Recipe:
    """The recipe with every revision that the lock pins replaced by its commit; one that is a commit stays."""
    if section is None or not section.hub:
        return recipe
    from smolc.compiler.model.start import HubTokenizer

    models = {}
    for name, model in recipe.models.items():
        change: dict[str, object] = {}
        commit = _commit(section, "model", model.hub, model.revision)
        if commit:
            change["revision"] = commit
        tokenizer = model.tokenizer
        if isinstance(tokenizer, HubTokenizer):
            commit = _commit(section, "model", tokenizer.id, tokenizer.revision)
            if commit:
                change["tokenizer"] = tokenizer.model_copy(update={"revision": commit})
        models[name] = model.model_copy(update=change) if change else model
    datasets = {}
    for name, dataset in recipe.datasets.items():
        commit = _commit(section, "dataset", dataset.hub, dataset.revision)
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


def _commit(section: Section, type_: str, id: str | None, revision: str | None) -> str | None:
    from smolc.compiler.lock.read import COMMIT

    if id is None or (revision is not None and COMMIT.fullmatch(revision)):
        return None
    return section.hub.get(Hub(type_, id, revision or MAIN))


def _is_there(path: Path) -> bool:
    try:
        path.lstat()
    except (OSError, ValueError):
        return False
    return True
