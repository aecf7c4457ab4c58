"""What turns a recipe's values into those of a field: where the model says what a key may hold."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from smolc.compiler.model.types import Kind, To, listed
from smolc.compiler.model.variants import OneOf

Reader = Kind | OneOf | To


def readers(field: FieldInfo) -> list[Reader]:
    """Outermost first. Empty for a field that no key of a recipe sets."""
    return list(_readers(field.annotation, field.metadata))


def is_listed(reader: Reader) -> bool:
    return isinstance(reader, Kind) and reader.check is listed


def _readers(annotation: Any, metadata: list[Any]) -> Iterator[Reader]:
    for one in metadata:
        if isinstance(one, (Kind, OneOf, To)):
            yield one
            if not is_listed(one):
                return
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *more = get_args(annotation)
        yield from _readers(inner, more)
    elif origin in (Union, types.UnionType, tuple):
        for inner in get_args(annotation):
            yield from _readers(inner, [])
