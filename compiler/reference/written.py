"""Values of the model as a recipe writes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from smolc.compiler.model.base import Variant
from smolc.compiler.model.types import Kind, Quantity
from smolc.compiler.reference.readers import Reader, readers

_SIZES = (("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10))


def written(value: Any, by: Sequence[Reader]) -> str | None:
    """`3%`, `128seq`, `4Ki`, `80GiB`, `"text"`, `cosine(warmup = 3%, floor = 10%)`; None for nothing.

    by: what reads such a value.
    """
    docs = [reader.doc for reader in by if isinstance(reader, Kind)]
    units = {unit for doc in docs for unit in doc.units}
    match value:
        case None | () | dict():  # blocks stand in a recipe by themselves
            return None
        case bool():
            return str(value).lower()
        case str():
            return value if any(value in doc.choices for doc in docs) else f'"{value}"'
        case Variant():
            return _constructor(value)
        case Quantity(number, unit):
            return _number(number * 100) + "%" if unit == "%" else _number(number) + unit
        case tuple():
            items = [written(one, by) or "" for one in value]
            return items[0] if len(items) == 1 else f"[{', '.join(items)}]"
    if "GiB" in units:
        return next(f"{_number(value / size)}{name}" for name, size in _SIZES if value >= size)
    if any(doc.example.endswith("%") for doc in docs):
        return _number(value * 100) + "%"
    if "tok" in units and value % 1024 == 0:
        return f"{value // 1024}Ki"
    return _number(value) + next((unit for unit in ("epoch", "step", "seq") if unit in units), "")


def _constructor(value: Variant) -> str:
    """With all that it decides, its defaults among it."""
    arguments = [
        f"{name} = {text}"
        for name, field in type(value).model_fields.items()
        if (text := written(getattr(value, name), readers(field))) is not None
    ]
    return f"{value.word}({', '.join(arguments)})" if arguments else value.word


def _number(value: float) -> str:
    return f"{value:g}".replace("e-0", "e-")
