"""A flattened recipe for people and for programs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import Any

from smolc.compiler.format import canonical
from smolc.compiler.resolve import Resolved, Section
from smolc.compiler.show.flatten import flatten
from smolc.compiler.show.origin import DEFAULT, Origin, annotated, origins, said


def as_text(resolved: Resolved, origin: bool, defaults: bool, header: bool = True) -> str:
    """Recipe text. With `origin` and `defaults`, that is said behind the values, and the recipe's comments are left out."""
    text = canonical(flatten(resolved, comments=not (origin or defaults), edition=header))
    return annotated(text, resolved, not origin) if origin or defaults else text


def part_text(part: Origin, origin: bool) -> str:
    """`stage.sft.optim.lr = 2e-5`, which is also how it is overridden."""
    line = f"{part.address} = {part.text}"
    return f"{line}  # {said(part)}\n" if origin else f"{line}\n"


def to_json(resolved: Resolved) -> str:
    """A list of all values: address, value as recipe text, where it comes from, and what a sweep varies."""
    return json.dumps([one for o in origins(resolved).values() for one in _values(o)], indent=2) + "\n"


def part_json(resolved: Resolved, part: list[Section] | Origin) -> str:
    if isinstance(part, Origin):
        return json.dumps(list(_values(part)), indent=2) + "\n"
    from dataclasses import replace

    return to_json(replace(resolved, sections=part))


def _values(origin: Origin) -> Iterable[dict[str, Any]]:
    yield {"address": origin.address, "value": origin.text, **_place(origin)}
    for part in origin.parts:
        yield from _values(part)


def _place(origin: Origin) -> dict[str, Any]:
    name = origin.span.source.name
    kind = {"--set": "set", DEFAULT: "default"}.get(name, "file")
    found: dict[str, Any] = {"from": kind}
    if kind == "file":
        found |= {"file": os.path.normpath(name), "line": origin.span.line, "column": origin.span.column}
    elif kind == "set":
        found["set"] = origin.span.source.text
    if origin.sweep is not None:
        place = origin.sweep
        name = os.path.normpath(place.source.name)
        found["swept"] = {"file": name, "line": place.line, "column": place.column}
    return found
