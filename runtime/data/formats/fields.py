"""Columns of a row, and what is expected in them."""

from __future__ import annotations

import json
from typing import Any

from smolc.runtime.data.rows import RowError, found


def column(data: dict[str, Any], name: str) -> Any:
    """The value of a column; `a.b` is the column of that name if there is one, else `b` within `a`.
    Raises RowError."""
    if name in data:
        return data[name]
    value: Any = data
    for part in name.split("."):
        if not isinstance(value, dict) or part not in value:
            raise RowError(
                f"expected a column {name!r}, found only {', '.join(map(repr, data)) or 'an empty object'}"
            )
        value = value[part]
    return value


def text(data: dict[str, Any], name: str) -> str:
    """Raises RowError if there is none, or only spaces."""
    value = column(data, name)
    if not isinstance(value, str):
        raise RowError(f"expected text in {name!r}, found {found(value)}")
    if blank(value):
        raise RowError(f"expected text in {name!r}, found none")
    return value


def blank(value: str) -> bool:
    """Empty or only spaces; looks no further than the first other character, however long the text is."""
    return not value or value.isspace()


def truth(value: str) -> bool | None:
    """What a text says of true and false; None if it says neither."""
    words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    return words.get(value.strip().lower())


def parsed(value: Any, name: str, type_: type, what: str) -> Any:
    """An object or a list, or the same as JSON text, without the nulls that a columnar file fills objects with.

    None for null and empty text. A null within JSON text was written by somebody, and stays. Raises RowError.
    """
    if isinstance(value, str) and blank(value):
        return None
    try:
        given = json.loads(value) if isinstance(value, str) else without_nulls(value)
    except RecursionError:
        raise RowError(f"expected {what} in {name}, found one that is nested too deep") from None
    except ValueError:
        raise RowError(f"expected {what} in {name}, found {found(value)}") from None
    if given is None:
        return None
    if not isinstance(given, type_):
        raise RowError(f"expected {what} in {name}, found {found(value)}")
    return given


def without_nulls(value: Any) -> Any:
    """Parquet and Arrow give all objects of a column the same keys, and null to those that one of them lacks."""
    if isinstance(value, dict):
        return {key: without_nulls(inner) for key, inner in value.items() if inner is not None}
    return [without_nulls(inner) for inner in value] if isinstance(value, list) else value
