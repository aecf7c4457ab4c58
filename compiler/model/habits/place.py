"""Where a mistake stands: the block, the constructor in it, and what is written beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache

from smolc.compiler.diagnostics import Span
from smolc.compiler.model.base import Variant
from smolc.compiler.model.habits.written import word
from smolc.compiler.model.stage import Stage
from smolc.compiler.model.variants import OneOf
from smolc.compiler.resolve import Section
from smolc.compiler.syntax import tree

PACKED = ("cpt", "sft")
"""Methods that can train packed rows."""


@cache
def constructors(key: str) -> Mapping[str, type[Variant]]:
    """The constructors that a key of a stage takes, by their words."""
    found = Stage.model_fields.get(key)
    return next((one.variants for one in (found.metadata if found else ()) if isinstance(one, OneOf)), {})


@dataclass(frozen=True)
class Place:
    """`values`: of the whole block, by key. `key`: that which the place is in, or at.

    call: the constructor that the place is inside of. argument: its argument, or the one whose value it is.
    """

    kind: str = ""
    values: Mapping[str, tree.Value] = field(default_factory=dict)
    key: str = ""
    call: tree.Call | None = None
    argument: tree.Argument | None = None

    @property
    def method(self) -> str | None:
        """The stage's method, as far as it is one."""
        said = word(self.values.get("method"))
        return said if said in constructors("method") else None

    def beside(self, *names: str) -> tree.Value | None:
        """The value that one of these has in the block or, as an argument, in the constructor."""
        arguments = {a.name.text: a.value for a in self.call.arguments if a.name} if self.call else {}
        return next(
            (value for n in names if (value := arguments.get(n, self.values.get(n))) is not None), None
        )

    @property
    def dotted(self) -> bool:
        """Whether the argument was written with a dot, or on the command line: `optim.learning_rate = 1e-5`."""
        if self.call is None or self.argument is None:
            return False
        inside, whole = self.argument.span, self.call.span
        return inside.source is not whole.source or not whole.start < inside.start < whole.end


@dataclass(frozen=True)
class Spot:
    """A key (or an argument's name), or its value: what a mistake may point at."""

    span: Span
    name: str
    value: tree.Value
    is_key: bool
    place: Place


def spots(section: Section) -> Iterator[Spot]:
    values = {key: one.value for key, one in section.fields.items()}
    for key, one in section.fields.items():
        here = Place(section.kind.text, values, key)
        yield Spot(one.path.span, key, one.value, True, here)
        yield from _inside(one.value, key, here)


def _inside(value: tree.Value, name: str, here: Place) -> Iterator[Spot]:
    yield Spot(value.span, name, value, False, here)
    if isinstance(value, tree.List):
        for item in value.items:
            yield Spot(item.span, name, item, False, here)
    elif isinstance(value, tree.Call):
        yield Spot(value.name.span, name, value, False, here)
        for argument in value.arguments:
            if argument.name is not None:
                there = Place(here.kind, here.values, here.key, value, argument)
                yield Spot(argument.name.span, argument.name.text, argument.value, True, there)
                yield from _inside(argument.value, argument.name.text, there)
