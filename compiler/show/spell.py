"""Typed values back to recipe text: `Quantity(0.03, "%")` -> `3%`."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, get_args

from pydantic.fields import FieldInfo

from smolc.compiler.format.value import print_path, print_value, quote
from smolc.compiler.model.base import Variant
from smolc.compiler.model.types import Epochs, Fraction, Kind, Link, Quantity, Size, Str
from smolc.compiler.syntax import tree

_UNITS = ((2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB"))


def spell(value: Any, info: FieldInfo, defaults: bool = False) -> str:
    """A value of a field as recipe text. `defaults`: constructors say all their arguments, not only what was given."""
    return _spell(value, list(_kinds(info)), defaults)


def _spell(value: Any, kinds: list[Kind], defaults: bool) -> str:
    if isinstance(value, Variant):
        return variant(value, defaults)
    if isinstance(value, Quantity):
        return percent(value.value) if value.unit == "%" else f"{number(value.value)}{value.unit}"
    if isinstance(value, Link):
        return str(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return _number(value, kinds)
    if isinstance(value, str):
        return quote(value) if _KIND[Str] in kinds else value
    if isinstance(value, (tuple, list)):
        said = ", ".join(_spell(one, kinds, defaults) for one in value)
        return said if len(value) == 1 and not isinstance(value[0], (tuple, list)) else f"[{said}]"
    if isinstance(value, tree.Path):
        return print_path(value)
    return print_value(value)


def variant(value: Variant, defaults: bool = False) -> str:
    """A constructor with what the recipe gives it, or with everything."""
    said = []
    for key, info in type(value).model_fields.items():
        one = getattr(value, key)
        if one is not None and (defaults or value.given(key)):
            said.append(f"{key} = {spell(one, info, defaults)}")
    return f"{value.word}({', '.join(said)})" if said else value.word


def number(value: int | float) -> str:
    """The shortest text that is read as the same number: `2e-5`, `0.1`, `1`."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, int):
        return str(value)
    text = repr(value)
    return text.replace("e-0", "e-").replace("e+0", "e").replace("e+", "e")


def percent(value: float) -> str:
    return f"{(Decimal(repr(float(value))) * 100).normalize():f}%"


def _number(value: int | float, kinds: list[Kind]) -> str:
    if _KIND[Size] in kinds:
        factor, unit = next(((f, u) for f, u in _UNITS if value % f == 0), _UNITS[-1])
        return f"{number(value / factor)}{unit}"
    if _KIND[Epochs] in kinds:
        return f"{number(value)}epoch"
    return percent(value) if _KIND[Fraction] in kinds else number(value)


def _kinds(info: FieldInfo) -> Iterator[Kind]:
    """All kinds of value in a field's type, those of its items too."""
    waiting: list[Any] = [*info.metadata, info.annotation]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Kind):
            yield one
        else:
            waiting.extend(get_args(one))


_KIND: dict[Any, Any] = {alias: get_args(alias)[1] for alias in (Str, Size, Epochs, Fraction)}
