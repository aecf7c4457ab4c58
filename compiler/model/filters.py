"""`where` of a dataset: which rows are read. Filters are data: nothing in them is ever run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from smolc.compiler.diagnostics import Diagnostic, Edit, Severity, Span
from smolc.compiler.diagnostics.suggest import closest
from smolc.compiler.format.value import print_path, quote
from smolc.compiler.model.types import Doc, mismatch
from smolc.compiler.syntax import tree

MEASURES = {
    "length": "the row's length in tokens",
    "trained": "how many of the row's tokens are trained",
    "turns": "the row's number of messages",
}
"""What is known of a row once it is rendered; a column of that name is written in quotes."""

Scalar = str | int | float | bool


@dataclass(frozen=True)
class Compared:
    """What a column must hold. column: as it is written, names with dots between them. value: a tuple of `in`."""

    column: str
    operator: str
    value: Scalar | tuple[Scalar, ...]
    span: Span = field(compare=False, repr=False)
    value_span: Span = field(compare=False, repr=False)
    written: str = field(compare=False, repr=False)
    """The column as recipe text."""


@dataclass(frozen=True)
class Measured:
    """A measure and what it must be."""

    measure: str
    operator: str
    value: int
    span: Span = field(compare=False, repr=False)
    value_span: Span = field(compare=False, repr=False)


@dataclass(frozen=True)
class Every:
    """Two or more of which all must hold; none of them is an Every."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True)
class Either:
    """Two or more of which one must hold; none of them is an Either."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True)
class Not:
    inner: Filter


Filter = Compared | Measured | Every | Either | Not

DOC = Doc("a condition", 'length < 8Ki and lang == "en"')


def given(value: object) -> object:
    """What a dataset's `where` is given: a filter that was read already. Raises for every other value."""
    if value is None or isinstance(value, (Compared, Measured, Every, Either, Not)):
        return value
    raise mismatch(value, DOC)


def of_condition(condition: tree.Condition, found: list[Diagnostic]) -> Filter | None:
    """The filter that an expression says; None with mistakes, which are added to `found`."""
    match condition:
        case tree.Test():
            return _comparison(condition.left, condition.operator, condition.right, condition.span, found)
        case tree.Group():
            return of_condition(condition.inner, found)
        case tree.Negation():
            inner = of_condition(condition.inner, found)
            return None if inner is None else Not(inner)
        case tree.Joined():
            parts = [of_condition(one, found) for one in condition.parts]
            return _joined(Every if condition.word == "and" else Either, parts)


def of_lines(lines: Sequence[tree.Compare], found: list[Diagnostic]) -> Filter | None:
    """All lines of a `where { ... }`, of which there is one at least. As `of_condition`."""
    parts: list[Filter | None] = []
    for line in lines:
        (sign, value), *more = line.right
        if more or sign != 1:
            span = line.right[0][1].span.to(line.right[-1][1].span)
            message = "a condition compares a column with one value, not with a sum"
            found.append(_bad(message, span, "write the number that it makes"))
            parts.append(None)
            continue
        parts.append(_comparison(line.left, line.operator, value, line.span, found))
    return _joined(Every, parts)


def _joined(
    join: Callable[[tuple[Filter, ...]], Every | Either], parts: list[Filter | None]
) -> Filter | None:
    whole: list[Filter] = []
    for part in parts:
        if part is None:
            return None
        whole += part.parts if isinstance(part, (Every, Either)) and type(part) is join else [part]
    return join(tuple(whole)) if len(whole) > 1 else whole[0]


def conjuncts(filter: Filter | None) -> tuple[Filter, ...]:
    """Filters that must all hold: the parts of an Every, or the one that there is."""
    if filter is None:
        return ()
    return filter.parts if isinstance(filter, Every) else (filter,)


def comparisons(filter: Filter | None) -> Iterator[Compared | Measured]:
    """All comparisons, in the order of the text."""
    match filter:
        case Compared() | Measured():
            yield filter
        case Every() | Either():
            for part in filter.parts:
                yield from comparisons(part)
        case Not():
            yield from comparisons(filter.inner)


def text_of(filter: Filter) -> str:
    """As recipe text, without parentheses that say nothing."""
    match filter:
        case Compared():
            values = filter.value if isinstance(filter.value, tuple) else (filter.value,)
            said = ", ".join(map(_scalar, values))
            return f"{filter.written} {filter.operator} {f'[{said}]' if isinstance(filter.value, tuple) else said}"
        case Measured(measure, operator, value):
            in_ki = measure != "turns" and value and value % 1024 == 0
            return f"{measure} {operator} {f'{value // 1024}Ki' if in_ki else value}"
        case Not(inner):
            return f"not {_inside(inner, (Every, Either))}"
        case Every():
            return " and ".join(_inside(part, (Either,)) for part in filter.parts)
        case Either():
            return " or ".join(text_of(part) for part in filter.parts)


def _inside(filter: Filter, looser: tuple[type, ...]) -> str:
    text = text_of(filter)
    return f"({text})" if isinstance(filter, looser) else text


def _scalar(value: Scalar) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return quote(value) if isinstance(value, str) else f"{value}"


# --- one comparison


def _comparison(
    left: tree.Path, operator: str, right: tree.Value, span: Span, found: list[Diagnostic]
) -> Filter | None:
    name = left.parts[0]
    if len(left.parts) == 1 and not name.quoted and name.text in MEASURES:
        return _measured(name.text, operator, right, span, found)
    value: Scalar | tuple[Scalar, ...] | None
    if operator in ("in", "not in"):
        value = _list(left, operator, right, found)
    elif isinstance(right, tree.List):
        instead = {"==": "in", "!=": "not in"}.get(operator)
        help = f"write `{print_path(left)} {instead or 'in'} {right.span.text}`" if instead else _EXAMPLE
        message = f"`{operator}` compares a column with one number, string, true or false"
        found.append(_bad(message, span, help))
        value = None
    else:
        value = _value(left, right, found)
    if value is None:
        return None
    return Compared(str(left), operator, value, span, right.span, print_path(left))


_EXAMPLE = 'write `score >= 3` or `lang == "en"`'


def _bad(message: str, span: Span, help: str, edits: tuple[Edit, ...] = ()) -> Diagnostic:
    return Diagnostic("V010", "bad-condition", Severity.ERROR, message, span, help=help, edits=edits)


def _list(
    left: tree.Path, operator: str, right: tree.Value, found: list[Diagnostic]
) -> tuple[Scalar, ...] | None:
    if not isinstance(right, tree.List):
        edits: tuple[Edit, ...] = ()
        if isinstance(right, (tree.Number, tree.Text, tree.Bool)) and "\n" not in right.span.text:
            edits = (Edit(right.span, f"[{right.span.text}]"),)
        help = f'write `{print_path(left)} {operator} ["en", "de"]`'
        found.append(_bad(f"`{operator}` takes a list", right.span, help, edits))
        return None
    if not right.items:
        what = "no row is" if operator == "in" else "every row is"
        found.append(_bad(f"the list is empty: {what} kept", right.span, "write the values that it may hold"))
        return None
    values = [_value(left, item, found) for item in right.items]
    return None if None in values else tuple(v for v in values if v is not None)


def _value(left: tree.Path, value: tree.Value, found: list[Diagnostic]) -> Scalar | None:
    column = print_path(left)
    if isinstance(value, tree.Number) and value.unit not in (None, "%"):
        help = f"write the number that `{column}` holds"
        if value.unit == "tok":
            near = closest(left.parts[-1].text, MEASURES)
            help = f"did you mean `{near}`?" if near else "the length of a row in tokens is `length`"
        found.append(_bad(f"`{column}` is a column, and its numbers have no unit", value.span, help))
        return None
    if isinstance(value, (tree.Number, tree.Text, tree.Bool)):
        return value.value
    message = "a condition compares a column with one number, string, true or false"
    if isinstance(value, tree.Ref):
        text = quote(str(value.path))
        found.append(
            _bad(f"{message}: text stands in quotes", value.span, f"write {text}", (Edit(value.span, text),))
        )
    else:
        found.append(_bad(message, value.span, _EXAMPLE))
    return None


def _measured(
    measure: str, operator: str, right: tree.Value, span: Span, found: list[Diagnostic]
) -> Measured | None:
    units = (None,) if measure == "turns" else (None, "tok")
    example = f"{measure} < 20" if measure == "turns" else f"{measure} < 8Ki"
    if operator in ("in", "not in") or not isinstance(right, tree.Number):
        message = f"`{measure}` is {MEASURES[measure]}, and is compared with one number"
        help = f'write `{example}`; a column of that name stands in quotes, `"{measure}"`'
        found.append(_bad(message, span, help))
    elif right.unit not in units:
        message = f"`{measure}` is {MEASURES[measure]}: `{right.text}` is none"
        found.append(_bad(message, right.span, f"write `{example}`"))
    elif right.value != int(right.value) or right.value < 0:
        message = f"`{measure}` is a whole number of at least 0"
        found.append(_bad(message, right.span, f"write `{example}`"))
    else:
        return Measured(measure, operator, int(right.value), span, right.span)
    return None
