"""The kinds of value that a key can take. Each turns a tree value into a Python one, or says what it wants instead."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, NamedTuple

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from smolc.compiler.diagnostics import Span
from smolc.compiler.diagnostics.suggest import closest
from smolc.compiler.model.errors import wrong
from smolc.compiler.syntax import tree


@dataclass(frozen=True)
class Doc:
    """What the language reference and the error messages say of a type.

    units: as they are written, "" where a number may have none. limits: the numbers that are accepted, in words.
    choices: the words that are.
    """

    wants: str
    example: str
    units: tuple[str, ...] = ()
    limits: str = ""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Kind:
    """Metadata of an `Annotated` type: reads a tree value before pydantic sees it, and documents what it wants."""

    check: Callable[[Any], Any]
    doc: Doc

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self.check, handler(source))


class Made:
    """Metadata of an `Annotated` type: blocks that have been read already. Their schemas are not built a second time."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.any_schema()


class Quantity(NamedTuple):
    """A number with its unit: `128seq`, `4epoch`, `500step`, `2Mtok`. Fractions (`5%`) have the unit `%` and lie in 0..1."""

    value: int | float
    unit: str

    def __str__(self) -> str:
        if self.unit == "%":
            return f"{self.value:.4%}".rstrip("0%").rstrip(".") + "%" if self.value else "0%"
        return f"{self.value:g}{self.unit}" if isinstance(self.value, float) else f"{self.value:,}{self.unit}"


class Link(NamedTuple):
    """A reference by name: `sft`, `sft.best`. `kind` is filled in when it is looked up."""

    name: str
    part: str | None
    span: Span

    def __str__(self) -> str:
        return self.name if self.part is None else f"{self.name}.{self.part}"


def describe(value: Any) -> str:
    """A tree value in words: "a string", "a number of steps"."""
    if isinstance(value, tree.Number):
        unit = {"%": "a percentage", "tok": "a number of tokens", "seq": "a number of sequences"}
        return unit.get(value.unit or "", f"a number in {value.unit}" if value.unit else "a number")
    names = {
        tree.Text: "a string",
        tree.Bool: "true or false",
        tree.Ref: "a name",
        tree.Call: "a constructor",
        tree.List: "a list",
        **dict.fromkeys((tree.Test, tree.Negation, tree.Joined, tree.Group), "a condition"),
    }
    return names.get(type(value), "a block" if isinstance(value, dict) else type(value).__name__)


WORDS = {"step": "step", "seq": "sequence", "tok": "token"}


def _with_units(value: tree.Number, units: Sequence[str | None]) -> str | None:
    """The number as it was written, with each unit that it may have: `32` -> `32seq` or `32tok`. None if it has one."""
    if value.unit is not None:
        return None
    offers = []
    for unit in units:
        if unit in WORDS and value.value != int(value.value):
            continue
        if unit == "%":
            offers.append(f"{value.value * 100:g}%" if value.value <= 1 else f"{value.text}%")
        else:
            offers.append(value.text + {"B": "GiB"}.get(unit or "", unit or ""))
    return "write " + " or ".join(f"`{offer}`" for offer in offers) if offers else None


QUOTED_NUMBER = re.compile(r"[0-9.][0-9._]*([eE][+-]?[0-9]+)?(%|[A-Za-z]+)?")


def mismatch(value: Any, doc: Doc, help: str | None = None) -> Exception:
    if isinstance(value, tree.Text) and QUOTED_NUMBER.fullmatch(value.value) and doc.example[:1].isdigit():
        help = f"write it without quotes: `{value.value}`"
    return wrong(
        f"expected {doc.wants}, found {describe(value)}",
        getattr(value, "span", None),
        help=help or f"write it as `{doc.example}`",
        name="wrong-type",
    )


def _number(
    doc: Doc,
    units: Sequence[str | None],
    *,
    whole: bool = False,
    low: float | None = None,
    high: float | None = None,
    above: float | None = None,
    quantity: bool = False,
) -> Kind:
    """Numbers in `units`; [low, high] inclusive, `above` exclusive. A `%` is accepted where listed."""
    written = tuple({None: "", "B": "GiB"}.get(unit, unit or "") for unit in units)
    doc = replace(doc, units=written, limits=_limits(whole, low, high, above))

    def check(value: Any) -> Any:
        if not isinstance(value, tree.Number):
            if isinstance(value, (int, float, Quantity)) and not isinstance(value, bool):
                return value  # a default, or already checked
            raise mismatch(value, doc)
        if value.unit not in units:
            raise mismatch(value, doc, _with_units(value, units))
        number = value.value
        if whole and number != int(number):
            raise wrong(
                f"expected a whole number, found {value.text}",
                value.span,
                help=f"write it as `{doc.example}`",
            )
        if value.unit in ("step", "seq", "tok") and number != int(number):
            raise wrong(
                f"there is no part of a {WORDS[value.unit]}", value.span, help=f"write it as `{doc.example}`"
            )
        limits = []
        if low is not None and number < low:
            limits.append(f"at least {low:g}" if value.unit != "%" else f"at least {low:.0%}")
        if high is not None and number > high:
            limits.append(f"at most {high:g}" if value.unit != "%" else f"at most {high:.0%}")
        if above is not None and number <= above:
            limits.append(f"more than {above:g}")
        if limits or not math.isfinite(number):
            # Most descriptions name their limits already.
            limit = "" if any(c.isdigit() for c in doc.wants) else f", {' and '.join(limits) or 'finite'}"
            raise wrong(
                f"{value.text} is out of range: expected {doc.wants}" + limit,
                value.span,
                help=f"for example `{doc.example}`",
                name="out-of-range",
            )
        number = int(number) if whole else number
        return Quantity(number, value.unit or "") if quantity else number

    return Kind(check, doc)


def _limits(whole: bool, low: float | None, high: float | None, above: float | None) -> str:
    if low is not None and high is not None:
        ends = [f"{low:g} to {high:g}"]
    else:
        named = (("above", above), ("at least", low), ("at most", high))
        ends = [f"{word} {number:g}" for word, number in named if number is not None]
    return ", ".join(["whole"] * whole + ends)


def read_text(value: Any) -> Any:
    """The string that a tree value holds. Raises pydantic errors."""
    if isinstance(value, tree.Text):
        if "\0" in value.value:
            raise wrong("a string cannot hold a NUL character", value.span)
        return value.value
    if isinstance(value, str):
        return value
    raise mismatch(value, Doc("a string", '"..."'))


def _bool(value: Any) -> Any:
    if isinstance(value, tree.Bool):
        return value.value
    if isinstance(value, bool):
        return value
    raise mismatch(value, Doc("true or false", "true"))


def choice(*words: str) -> Kind:
    """A bare word out of a fixed set."""
    doc = Doc(("one of " if len(words) > 1 else "") + ", ".join(words), words[0], choices=words)

    def check(value: Any) -> Any:
        if isinstance(value, str):
            return value
        if isinstance(value, tree.Bool) and str(value.value).lower() in words:
            return str(value.value).lower()
        if isinstance(value, tree.Ref) or (isinstance(value, tree.Call) and not value.arguments):
            word = str(value.path) if isinstance(value, tree.Ref) else value.name.text
            if word in words:
                return word
            near = closest(word, list(words))
            raise wrong(
                f"`{word}` is not {doc.wants}",
                value.span,
                help=f"did you mean `{near}`?" if near else None,
                name="unknown-word",
            )
        if isinstance(value, tree.Text) and value.value in words:
            raise wrong(
                f'"{value.value}" is a name here, not a string',
                value.span,
                help=f"write it as `{value.value}`",
            )
        raise mismatch(value, doc)

    return Kind(check, doc)


def listed(value: Any) -> Any:
    """A list; one value alone stands for a list of one."""
    if isinstance(value, tree.List):
        return list(value.items)
    if isinstance(value, (list, tuple)) and not isinstance(value, (Quantity, Link)):
        return value
    return [value]


def _link(value: Any) -> Link:
    if isinstance(value, Link):
        return value
    if isinstance(value, tree.Ref) and len(value.path.parts) <= 2:
        parts = [p.text for p in value.path.parts]
        return Link(parts[0], parts[1] if len(parts) == 2 else None, value.span)
    if isinstance(value, tree.Text):
        name, at, _ = value.value.partition("@")
        help = f"write it as `{value.value}`"
        if at:
            also = "in a merge or an eval `checkpoints = all` adds all that it keeps"
            help = f"write `{name}`: no checkpoint is named alone; {also}"
        raise wrong("references are names, not strings", value.span, help=help)
    raise mismatch(value, Doc("the name of something declared", "sft"))


NAMES = {
    "model": "base",
    "dataset": "chats",
    "mixture": "practice",
    "template": "chat",
    "generate": "answers",
    "cluster": "node",
}
"""What blocks are called in examples."""


class To:
    """Metadata of an `Annotated` type: a reference to a block of one of `kinds`; noted, and looked up at the end."""

    def __init__(self, *kinds: str) -> None:
        self.kinds = kinds
        self.doc = Doc(f"the name of a {' or '.join(kinds)}", NAMES[kinds[0]])

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_before_validator_function(self._read, handler(source))

    def _read(self, value: Any, info: core_schema.ValidationInfo[Any]) -> Link:
        link = _link(value)
        info.context.links.append((link, self.kinds))
        return link


def _whole(wants: str, example: str, low: int = 1, units: Sequence[str | None] = (None,)) -> Kind:
    return _number(Doc(wants, example), units, whole=True, low=low)


Str = Annotated[str, Kind(read_text, Doc("a string", '"..."'))]
Flag = Annotated[bool, Kind(_bool, Doc("true or false", "true", choices=("true", "false")))]
MetricName = Annotated[Link, Kind(_link, Doc("eval_loss or the name of a task", "eval_loss"))]
ToModel = Annotated[Link, To("model", "stage", "merge")]
ToData = Annotated[Link, To("mixture", "dataset", "pairs")]
ToPrompts = Annotated[Link, To("mixture", "dataset")]
ToAnswers = Annotated[Link, To("generate", "dataset")]
ToRows = Annotated[Link, To("dataset", "pairs")]
ToDataset = Annotated[Link, To("dataset")]
ToTemplate = Annotated[Link, To("template")]
ToCluster = Annotated[Link, To("cluster")]

Count = Annotated[int, _whole("a whole number of at least 1", "4")]
Natural = Annotated[int, _whole("a whole number of at least 0", "0", low=0)]
Steps = Annotated[int, _whole("a number of steps", "10step", units=(None, "step"))]
Tokens = Annotated[int, _whole("a number of tokens", "8Ki", units=(None, "tok"))]
Rows = Annotated[int, _whole("a number of rows", "200seq", units=(None, "seq"))]

ZeroStage = Annotated[int, _number(Doc("a ZeRO stage: 1, 2 or 3", "3"), (None,), whole=True, low=1, high=3)]

Positive = Annotated[float, _number(Doc("a number above 0", "0.1"), (None,), above=0)]
NonNegative = Annotated[float, _number(Doc("a number of at least 0", "0.1"), (None,), low=0)]
Fraction = Annotated[float, _number(Doc("a fraction between 0% and 100%", "10%"), (None, "%"), low=0, high=1)]
Rung = Annotated[float, _number(Doc("a part of the run", "50%"), (None, "%"), above=0, high=1)]
MergeWeight = Annotated[float, _number(Doc("a weight", "90%"), (None, "%"))]
Ratio = Annotated[float, _number(Doc("a number between 0 and 1", "0.9"), (None, "%"), low=0, high=1)]
Rate = Annotated[
    float, _number(Doc("a learning rate above 0 and at most 1", "2e-5"), (None,), above=0, high=1)
]
Size = Annotated[float, _number(Doc("a size in bytes", "80GiB"), ("B",), above=0)]
Score = Annotated[float, _number(Doc("a score: a percentage or a number", "60%"), (None, "%"), low=0)]
Epochs = Annotated[float, _number(Doc("a number of epochs", "4epoch"), ("epoch",), above=0)]

Batch = Annotated[
    Quantity,
    _number(
        Doc("sequences or tokens per optimiser step", "128seq"),
        ("seq", "tok"),
        whole=True,
        low=1,
        quantity=True,
    ),
]
Length = Annotated[
    Quantity,
    _number(
        Doc("a length of training in epochs, steps or tokens", "3epoch"),
        ("epoch", "step", "tok"),
        above=0,
        quantity=True,
    ),
]
Interval = Annotated[
    Quantity,
    _number(
        Doc("every so many steps, or every part of the run", "100step"), ("step", "%"), above=0, quantity=True
    ),
]
Warmup = Annotated[
    Quantity,
    _number(Doc("a part of the run or a number of steps", "5%"), ("step", "%"), low=0, quantity=True),
]
Portion = Annotated[
    Quantity, _number(Doc("a part, or a number of rows", "50%"), ("%", "seq"), above=0, quantity=True)
]
Amount = Annotated[
    Quantity,
    _number(
        Doc("a part, a number of rows, or of tokens", "50%"), ("%", "seq", "tok"), above=0, quantity=True
    ),
]
Cap = Annotated[
    Quantity,
    _number(Doc("a number of tokens or rows", "1Mtok"), ("tok", "seq"), whole=True, low=1, quantity=True),
]
Repeat = Annotated[
    Quantity,
    _number(
        Doc("a number of epochs, tokens or rows", "4epoch"), ("epoch", "tok", "seq"), above=0, quantity=True
    ),
]
Quantile = Annotated[
    float, _number(Doc("a part of the rows above 0% and up to 100%", "99%"), (None, "%"), above=0, high=1)
]
Similarity = Annotated[
    float, _number(Doc("a similarity above 0% and up to 100%", "80%"), (None, "%"), above=0, high=1)
]
Words = Annotated[
    int, _number(Doc("a number of words from 5 to 50", "13"), (None,), whole=True, low=5, high=50)
]
