"""Values of other tools as a recipe writes them. Each function answers None to what it cannot carry over."""

from __future__ import annotations

import re
from collections.abc import Callable

from smolc.compiler.diagnostics import Source, Span
from smolc.compiler.format.value import quote, spelled
from smolc.compiler.syntax import tree
from smolc.compiler.syntax.units import read_number

Writes = Callable[[tree.Value | None], str | None]

OFF = ("false", "none", "null", "no", "off", "disabled", "disable", "")


def as_value(text: str) -> tree.Value:
    """The value that a short text is, as a recipe has it: a number, true or false, a name, text, or a list."""
    span = Span(Source("", text), 0, len(text))
    if text.startswith("["):
        return tree.List(tuple(as_value(item) for item in text.strip("[]").split(", ")), span)
    if text.startswith('"'):
        return tree.Text(text.strip('"'), span)
    if text in ("true", "false"):
        return tree.Bool(text == "true", span)
    read = read_number(text)
    if isinstance(read, tuple):
        return tree.Number(read[0], read[1], span)
    return tree.Ref(tree.Path((tree.Ident(text, span),), span), span)


def word(value: tree.Value | None) -> str | None:
    """What was written as a name, in quotes or not: `cosine`, `"cosine"`, `true`."""
    match value:
        case tree.Text():
            return value.value.strip()
        case tree.Ref():
            return str(value.path)
        case tree.Call():
            return value.name.text
        case tree.Bool():
            return str(value.value).lower()
    return None


def words(value: tree.Value | None) -> list[str] | None:
    """A list of names; one name, also with commas in it, stands for a list."""
    if isinstance(value, tree.List):
        found = [word(item) for item in value.items]
        return [one for one in found if one is not None] if None not in found and found else None
    one = word(value)
    return [part.strip() for part in one.split(",")] if one else None


def is_off(value: tree.Value | None) -> bool:
    """Whether it says no in one of the ways of YAML, Python and the command line; a 0, too."""
    said = word(value)
    if said is not None:
        return said.casefold() in OFF
    return isinstance(value, tree.Number) and value.value == 0


def is_on(value: tree.Value | None) -> bool:
    return (word(value) or "").casefold() in ("true", "yes", "on")


def number(value: tree.Value | None, unit: str | None = None) -> int | float | None:
    """A number without a unit, or in `unit`; also in quotes."""
    if isinstance(value, tree.Text):
        value = as_value(value.value.strip())
    return value.value if isinstance(value, tree.Number) and value.unit in (None, unit) else None


def _bounded(fits: Callable[[float], bool]) -> Writes:
    def write(value: tree.Value | None) -> str | None:
        amount = number(value)
        if amount is None or not fits(amount):
            return None
        return spelled(value) if isinstance(value, tree.Number) else f"{amount!r}"

    return write


rate = _bounded(lambda n: 0 < n <= 1)
positive = _bounded(lambda n: n > 0)
at_least_0 = _bounded(lambda n: n >= 0)
ratio = _bounded(lambda n: 0 <= n <= 1)
count = _bounded(lambda n: n >= 1 and n == int(n))
natural = _bounded(lambda n: n >= 0 and n == int(n))


def percent(value: float) -> str:
    return f"{value * 100:.6g}%"


def part(value: tree.Value | None) -> str | None:
    """A fraction as a percentage."""
    amount = number(value, "%")
    return percent(amount) if amount is not None and 0 <= amount <= 1 else None


def tokens(value: tree.Value | None) -> str | None:
    amount = number(value, "tok")
    if amount is None or amount < 1 or amount != int(amount):
        return None
    return f"{int(amount) // 1024}Ki" if amount % 1024 == 0 else str(int(amount))


def _counted(unit: str) -> Writes:
    def write(value: tree.Value | None) -> str | None:
        amount = number(value, unit)
        return (
            f"{int(amount)}{unit}" if amount is not None and amount >= 1 and amount == int(amount) else None
        )

    return write


sequences = _counted("seq")
steps = _counted("step")


def epochs(value: tree.Value | None) -> str | None:
    amount = number(value, "epoch")
    return f"{amount:.6g}epoch" if amount is not None and amount > 0 else None


def every(value: tree.Value | None) -> str | None:
    """Steps; below 1 a part of the run, as transformers reads it."""
    amount = number(value, "%")
    return percent(amount) if amount is not None and 0 < amount < 1 else steps(value)


def warmup(value: tree.Value | None) -> str | None:
    return part(value) if is_off(value) else every(value)


def rows(value: tree.Value | None) -> str | None:
    """Sequences; below 1 a part of all."""
    return (
        every(value) if number(value, "%") is not None and every(value) != steps(value) else sequences(value)
    )


def text(value: tree.Value | None) -> str | None:
    return quote(value.value) if isinstance(value, tree.Text) and value.value.strip() else None


def file(value: tree.Value | None) -> str | None:
    """A text whose end says what kind of file it is."""
    return text(value) if re.search(r"\.\w+$", word(value) or "") else None


def name(value: tree.Value | None) -> str | None:
    """A bare name, which may be that of a block."""
    said = word(value) if isinstance(value, tree.Ref) else None
    return (
        said
        if said and re.fullmatch(r"[A-Za-z_]\w*", said) and not is_off(value) and said != "auto"
        else None
    )


def texts(value: tree.Value | None) -> str | None:
    found = words(value)
    return f"[{', '.join(map(quote, found))}]" if found else None


def flag(value: tree.Value | None) -> str | None:
    return "true" if is_on(value) else "false" if is_off(value) else None
