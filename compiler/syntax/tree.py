"""The syntax tree: what was written, and where.

Nothing is interpreted here beyond units: names are not looked up, keys are not known. The tree of a file with
mistakes holds everything that could be read; a statement that could not is missing from it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from smolc.compiler.diagnostics import Source, Span


@dataclass(frozen=True, slots=True)
class Ident:
    """A bare name, or a quoted one where a name is expected (`"OpenHermes_2.5" = all`)."""

    text: str
    span: Span
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Path:
    """`sft.optim.lr`: one or more names joined by dots."""

    parts: tuple[Ident, ...]
    span: Span

    def __str__(self) -> str:
        return self.parts[0].text if len(self.parts) == 1 else ".".join(p.text for p in self.parts)


@dataclass(frozen=True, slots=True)
class Number:
    """`64Ki`, `2e-5`, `3%`, `128seq`: `value` is scaled (`64Ki` -> 65536, `3%` -> 0.03).

    `unit` is one of `tok`, `seq`, `step`, `epoch`, `s`, `B`, `%` or None. Durations are in seconds with unit
    `s`, sizes (`GiB`) in bytes with unit `B`. `value` is an int when it is whole and was not written with a
    fraction or an exponent, or has a scale (`1.5Mtok` -> 1500000); percentages are floats.
    """

    value: int | float
    unit: str | None
    span: Span

    @property
    def text(self) -> str:
        return self.span.text


@dataclass(frozen=True, slots=True)
class Text:
    """A string; `value` has its escapes resolved."""

    value: str
    span: Span


@dataclass(frozen=True, slots=True)
class Bool:
    value: bool
    span: Span


@dataclass(frozen=True, slots=True)
class Ref:
    """A bare name or path used as a value: `all`, `bf16`, `sft.best`. The model decides what it names."""

    path: Path
    span: Span


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument of a call; `name` is None for a positional one."""

    name: Ident | None
    value: Value
    span: Span


@dataclass(frozen=True, slots=True)
class Call:
    """`adamw(lr = 2e-5)`: a typed constructor."""

    name: Ident
    arguments: tuple[Argument, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class List:
    items: tuple[Value, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Test:
    """`lang == "en"`, `lang not in ["en", "de"]` in a condition: `left` is a column or a measure."""

    left: Path
    operator: str
    right: Value
    span: Span


@dataclass(frozen=True, slots=True)
class Negation:
    """`not ...`."""

    inner: Condition
    span: Span


@dataclass(frozen=True, slots=True)
class Joined:
    """Two or more conditions with the same `word`, `and` or `or`, between them."""

    word: str
    parts: tuple[Condition, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Group:
    """A condition in parentheses."""

    inner: Condition
    span: Span


Condition = Test | Negation | Joined | Group
Value = Number | Text | Bool | Ref | Call | List | Condition
"""A condition only as the value of an assignment, never in a list or as an argument."""


@dataclass(frozen=True, slots=True)
class Assign:
    """`path = value`."""

    path: Path
    value: Value
    span: Span


@dataclass(frozen=True, slots=True)
class Compare:
    """`apo.gsm8k >= sft.gsm8k - 1%`: `right` is a sum of signed terms; of `in` and `not in`, one list."""

    left: Path
    operator: str
    right: tuple[tuple[int, Value], ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Drop:
    """`drop dataset gsm`: removes what a parent declared."""

    kind: Ident
    label: Ident
    span: Span


@dataclass(frozen=True, slots=True)
class Block:
    """`kind label { ... }`; `head` spans kind and label, `close` is the closing brace (None if missing)."""

    kind: Ident
    label: Ident | None
    items: tuple[Item, ...]
    head: Span
    span: Span
    close: Span | None


Item = Assign | Compare | Drop | Block


@dataclass(frozen=True, slots=True)
class Comment:
    """`# ...` up to the end of its line; `own_line` if nothing stands before it."""

    text: str
    span: Span
    own_line: bool


@dataclass(frozen=True, slots=True)
class File:
    """One recipe file."""

    source: Source
    edition: Number | None
    extends: Text | None
    items: tuple[Item, ...]
    comments: tuple[Comment, ...] = field(default=())
