"""Renaming a block or a task in a recipe, its parents, and the other recipes that build on them.

Refused rather than done by halves: where a file has mistakes that hide names, where the new name is taken, and where
the recipes would not compile as before.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from smolc.compiler.cli.common import compile_recipe
from smolc.compiler.diagnostics import Severity, Span
from smolc.compiler.diagnostics.types import Refused
from smolc.compiler.editor.chain import Opened, Texts
from smolc.compiler.editor.names import TASK, Entity, Name, declared_in, entity, names_in
from smolc.compiler.editor.navigate import Location, family, name_at, occurrences
from smolc.compiler.model.links import JOBS
from smolc.compiler.model.tasks import SUITE_VARIANTS
from smolc.compiler.syntax.layout import KINDS

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
DATA = ("dataset", "mixture", "pairs")
"""Kinds that share one space of names: `data` of a stage may name each."""
_RESERVED = ("report", "contamination", "best", "true", "false", "smolc", "extends", "drop", "eval_loss")


class CannotRename(Refused):
    """Why it is refused, in words for the person at the editor."""


def renamable(path: Path, offset: int, texts: Texts) -> Span:
    """The name at the place, if it can be renamed. Raises CannotRename."""
    name, _ = _wanted(family(path, texts, ()), offset)
    return name.span


def rename(
    path: Path, offset: int, new: str, texts: Texts, known: Iterable[Path] = (), folders: Sequence[Path] = ()
) -> list[Location]:
    """Every place whose text becomes `new`. Raises CannotRename.

    known: the recipes of the workspace. folders: its folders; a parent outside of them has children nobody knows of.
    """
    chains = family(path, texts, known)
    name, wanted = _wanted(chains, offset)
    files = {one.path: one for files in chains for one in files}
    if new == name.text:
        return []
    _check_name(new, wanted, chains)
    touched = occurrences(wanted, chains)
    for one in files.values():
        if one.found:
            line = one.found[0].span.line if one.found[0].span else 1
            raise CannotRename(
                f"{one.path.name} has a mistake in line {line} that may hide names: mend it first"
            )
    for place in touched:
        if place.path != path and folders and not any(place.path.is_relative_to(f) for f in folders):
            raise CannotRename(
                f"`{name.text}` also stands in {place.path}, outside of the open folder: "
                "other recipes may build on that file"
            )
    _check_compiled(chains, touched, new, texts)
    return touched


def _wanted(chains: Sequence[Sequence[Opened]], offset: int) -> tuple[Name, Entity]:
    name = name_at(offset, chains[0]) if chains else None
    if name is None:
        raise CannotRename("only names of blocks and of an eval's own tasks can be renamed")
    declared = declared_in(chains[0])
    wanted = entity(name, declared)
    if wanted not in declared:
        what = "a task of the suite" if wanted[0] == TASK and name.text in SUITE_VARIANTS else "not declared"
        raise CannotRename(f"`{name.text}` is {what}, and cannot be renamed")
    return name, wanted


def _check_name(new: str, wanted: Entity, chains: Sequence[Sequence[Opened]]) -> None:
    kind, _ = wanted
    if kind == "recipe":
        if _NAME.fullmatch(new) is None:
            raise CannotRename(f"`{new}` is no name: letters, digits and `_`, not a digit first")
        return
    if _NAME.fullmatch(new) is None or new in _RESERVED or new in KINDS:
        why = "has a meaning of its own" if _NAME.fullmatch(new) else "is no name"
        raise CannotRename(f"`{new}` {why}: a name is made of letters, digits and `_`, not a digit first")
    if kind == TASK and new in SUITE_VARIANTS:
        raise CannotRename(f"`{new}` is a task of the suite")
    for files in chains:
        for other_kind, label in declared_in(files):
            clash = other_kind == kind or (other_kind in JOBS and kind in JOBS)
            clash = clash or (other_kind in DATA and kind in DATA)
            if label == new and clash:
                raise CannotRename(f"there is a {other_kind} `{new}` already")
        # A name that is used and not declared would come to mean this one.
        for one in files:
            for used in names_in(one, files):
                if used.text == new and used.block is None and kind in used.kinds:
                    raise CannotRename(
                        f"`{new}` is spoken of in line {used.span.line} of {one.path.name} already"
                    )


def edited(touched: Sequence[Location], new: str) -> dict[Path, str]:
    """The files' texts with `new` in all places."""
    made: dict[Path, str] = {}
    for place in sorted(touched, key=lambda t: t.span.start, reverse=True):
        text = made.get(place.path, place.span.source.text)
        made[place.path] = text[: place.span.start] + new + text[place.span.end :]
    return made


def _check_compiled(
    chains: Sequence[Sequence[Opened]], touched: Sequence[Location], new: str, texts: Texts
) -> None:
    """The proof: each recipe has as many errors as before."""
    after = {**texts, **edited(touched, new)}
    for files in chains:
        recipe = files[0].path
        before_count, after_count = _errors(recipe, texts), _errors(recipe, after)
        if after_count > before_count:
            raise CannotRename(f"{recipe.name} would not compile any more")


def _errors(recipe: Path, texts: Texts) -> int:
    found = compile_recipe(str(recipe), texts=texts).found
    return sum(d.severity is Severity.ERROR for d in found)
