"""A part of a recipe, by its address."""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Source
from smolc.compiler.diagnostics.suggest import closest
from smolc.compiler.format.value import spelled as name
from smolc.compiler.resolve import Resolved, Section
from smolc.compiler.resolve.resolved import KINDS
from smolc.compiler.show.origin import Origin, head, origins, values
from smolc.compiler.syntax.parse import parse_path


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


def near(resolved: Resolved, address: str) -> str | None:
    """The address that was probably meant."""
    known = [at for at, _ in blocks(resolved)] + list(values(origins(resolved).values()))
    short = {at.partition(".")[2]: at for at in known if at.partition(".")[0] in KINDS}
    found = closest(whole(resolved, address) or address, known)
    return found or short.get(closest(address, short) or "")


def blocks(resolved: Resolved) -> Iterator[tuple[str, Section]]:
    """Every block, nested ones too."""
    for section in resolved.sections:
        yield from _blocks(section, head(section))


def _blocks(section: Section, at: str) -> Iterator[tuple[str, Section]]:
    yield at, section
    for nested in section.sections:
        yield from _blocks(nested, head(nested, at))
