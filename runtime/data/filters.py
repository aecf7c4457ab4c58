"""Which rows a filter keeps: a tree of comparisons, as data (`length < 8192 and lang == "en"`).

A row is looked at twice: as it was read, where its length is not known yet, and once it is rendered. So there are three
answers (Kleene's logic): `false and unknown` is false, and such a row need not be rendered.
"""

from __future__ import annotations

import json
import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

from smolc.runtime.data.formats.fields import column, truth
from smolc.runtime.data.rows import RowError, found
from smolc.runtime.jobs.prepare import Condition, Either, Every, Filter, Measured, Not, Scalar

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_ORDER = ("<", "<=", ">", ">=")
_MEASURES = ("length", "trained", "turns")
_BARE = re.compile(r"(?!(and|or|not|in|true|false)$)[A-Za-z_][A-Za-z0-9_]*")


@dataclass(slots=True, frozen=True)
class Measures:
    """Of a rendered row: tokens (of a pair's longest sequence), tokens that are trained, messages."""

    length: int
    trained: int
    turns: int


def keeps(data: dict[str, Any], filter: Filter | None, measures: Measures | None = None) -> bool | None:
    """Whether a row meets a filter; None where that depends on measures that are not given.

    Text is compared with a number or true/false by its value, since csv has only text. Null (or, beside a number or
    true/false, empty text) is equal to nothing: `==` and `in` are false, `!=` and `not in` true. It is neither
    less nor more than anything.

    From left to right, and no further than needed. Raises RowError where there is no such column, or the two cannot
    be compared.
    """
    if isinstance(filter, Condition):
        return _holds(data, filter)
    if isinstance(filter, Measured):
        if measures is None:
            return None
        return _COMPARE[filter.operator](getattr(measures, filter.measure), filter.value)
    if isinstance(filter, Not):
        answer = keeps(data, filter.not_, measures)
        return None if answer is None else not answer
    if filter is None:
        return True
    decisive = isinstance(filter, Either)
    result: bool | None = not decisive
    for part in _parts(filter):
        answer = keeps(data, part, measures)
        if answer is decisive:
            return decisive
        if answer is None:
            result = None
    return result


def needs_measures(filter: Filter | None) -> bool:
    """Whether anything in the filter is known only once a row is rendered."""
    if filter is None or isinstance(filter, Condition):
        return False
    if isinstance(filter, Measured):
        return True
    if isinstance(filter, Not):
        return needs_measures(filter.not_)
    return any(map(needs_measures, _parts(filter)))


def written(filter: Filter) -> str:
    """The filter as a person writes it."""
    if isinstance(filter, Condition):
        return f"{_name(filter.column)} {filter.operator} {_literal(filter.value)}"
    if isinstance(filter, Measured):
        return f"{filter.measure} {filter.operator} {_literal(filter.value)}"
    if isinstance(filter, Not):
        return f"not {_bracketed(filter.not_)}"
    word, empty = ("or", "false") if isinstance(filter, Either) else ("and", "true")
    parts = _parts(filter)
    if len(parts) == 1:
        return written(parts[0])
    return f" {word} ".join(map(_bracketed, parts)) or empty


def _parts(filter: Every | Either) -> tuple[Filter, ...]:
    return filter.all if isinstance(filter, Every) else filter.any


def _bracketed(filter: Filter) -> str:
    while isinstance(filter, (Every, Either)) and len(_parts(filter)) == 1:
        filter = _parts(filter)[0]
    alone = isinstance(filter, (Condition, Measured)) or (not isinstance(filter, Not) and not _parts(filter))
    return written(filter) if alone else f"({written(filter)})"


def _name(column: str) -> str:
    """In quotes where it would be read as something else, such as a measure."""
    bare = all(_BARE.fullmatch(part) for part in column.split("."))
    return column if bare and column not in _MEASURES else json.dumps(column, ensure_ascii=False)


def _literal(value: Scalar | tuple[Scalar, ...]) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_literal, value))}]"
    return json.dumps(value, ensure_ascii=False)


def _holds(data: dict[str, Any], condition: Condition) -> bool:
    value, wanted, operator = column(data, condition.column), condition.value, condition.operator
    if operator == "in" or operator == "not in":
        choices = wanted if isinstance(wanted, tuple) else (wanted,)
        pairs = [_comparable(value, choice) for choice in choices]
        if value is not None and pairs and not any(pairs):
            _incomparable(value, condition)
        return any(pair and pair[0] == pair[1] for pair in pairs) is (operator == "in")
    pair = _comparable(value, wanted)
    if pair is None:
        _incomparable(value, condition)
    if pair[0] is None and operator in _ORDER:
        return False
    return bool(_COMPARE[operator](*pair))


def _comparable(value: Any, wanted: Any) -> tuple[Any, Any] | None:
    """Both as values of one kind, or the first as None for null; None if they are of different kinds."""
    if value is None:
        return None, wanted
    if isinstance(value, str) and not isinstance(wanted, str):
        value = _read(value.strip(), wanted)
        if value is None or value == "":
            return None if value is None else (None, wanted)
    if isinstance(value, bool) or isinstance(wanted, bool):
        return (value, wanted) if type(value) is type(wanted) else None
    numbers = isinstance(value, (int, float)) and isinstance(wanted, (int, float))
    return (value, wanted) if numbers or (isinstance(value, str) and isinstance(wanted, str)) else None


def _read(text: str, wanted: Any) -> Any:
    """A text as a value of the kind of `wanted`; None if it says none, empty text if there is nothing to read."""
    if not text:
        return ""
    if isinstance(wanted, bool):
        return truth(text)
    if isinstance(wanted, (int, float)):
        for kind in (int, float):  # a large whole number is not exact as a float
            try:
                return kind(text)
            except ValueError:
                continue
    return None


def _incomparable(value: Any, condition: Condition) -> NoReturn:
    wanted = condition.value
    what = "one of " + _literal(wanted) if isinstance(wanted, tuple) else found(wanted)
    raise RowError(f"expected {condition.column!r} to compare with {what}, found {found(value)}")
