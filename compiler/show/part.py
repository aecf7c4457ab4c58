"""A part of a recipe, by its address."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import chain

from smolc.compiler.diagnostics import Source
from smolc.compiler.diagnostics.suggest import closest
from smolc.compiler.format.value import spelled as name
from smolc.compiler.resolve import Resolved, Section
from smolc.compiler.resolve.resolved import KINDS
from smolc.compiler.show.origin import Origin, head, origins, values
from smolc.compiler.syntax.parse import parse_path

_NAMED = 8


def find(resolved: Resolved, address: str) -> list[Section] | Origin | None:
    """The blocks or the value at `stage`, `stage.sft`, `stage.sft.sweep`, `stage.sft.optim.lr`; or, where one block only
    has that label, `sft.optim.lr`. None if there is no such thing."""
    full = whole(resolved, address)
    if full is None:
        return None
    if full in KINDS:
        of_kind = resolved.of(full)
        return of_kind or None
    for at, section in blocks(resolved):
        if at == full:
            return [section]
    return values(origins(resolved).values()).get(full)


def whole(resolved: Resolved, address: str) -> str | None:
    """`sft.optim` -> `stage.sft.optim`, spelt as addresses are; None if it is no path."""
    path, found = parse_path(Source("address", address))
    if path is None or found:
        return None
    parts = [name(part) for part in path.parts]
    labels = [s for s in resolved.sections if s.label is not None and name(s.label) == parts[0]]
    if parts[0] == "recipe":
        recipe = next(iter(resolved.of("recipe")), None)
        if len(parts) > 1 and recipe is not None and recipe.label and name(recipe.label) == parts[1]:
            del parts[1]
    elif parts[0] not in KINDS and len(labels) == 1:
        parts = [*head(labels[0]).split(".", 1)[:1], *parts]
        if labels[0].kind.text == "recipe":
            del parts[1]
    return ".".join(parts)


def hint(resolved: Resolved, address: str) -> str:
    """What was probably meant by an address that is none, or what there is as far as it goes."""
    full = whole(resolved, address)
    if full is None:
        return "an address is `stage.sft.optim.lr`: kind, label, key"
    known = {
        _parts(at) for at in chain((at for at, _ in blocks(resolved)), values(origins(resolved).values()))
    }
    wanted = _parts(full)
    there: tuple[str, ...] = ()
    while any(at[: len(there) + 1] == wanted[: len(there) + 1] for at in known):
        there = wanted[: len(there) + 1]
    size = len(there)
    names = list(dict.fromkeys(at[size] for at in sorted(known) if len(at) > size and at[:size] == there))
    near = closest(wanted[size], names) if size < len(wanted) else None
    if near is not None:
        meant = [(*there, near), (*there, near, *wanted[size + 1 :])]
        return (
            f"did you mean `{'.'.join(next(at for at in reversed(meant) if at in known or at == meant[0]))}`?"
        )
    has = ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
    if not names:
        return f"`{'.'.join(there)}` is one value"
    return f"`{'.'.join(there)}` has {has}" if there else f"it has {has}"


def _parts(address: str) -> tuple[str, ...]:
    return tuple(re.findall(r'"(?:[^"\\]|\\.)*"|[^.]+', address))


def blocks(resolved: Resolved) -> Iterator[tuple[str, Section]]:
    """Every block, nested ones too."""
    for section in resolved.sections:
        yield from _blocks(section, head(section))


def _blocks(section: Section, at: str) -> Iterator[tuple[str, Section]]:
    yield at, section
    for nested in section.sections:
        yield from _blocks(nested, head(nested, at))
