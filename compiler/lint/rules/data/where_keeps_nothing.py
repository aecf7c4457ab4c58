"""Conditions that no row can meet

## What it does

Compares the conditions of a dataset's `where` that must all hold at once with each other: the lines of a block, and
what `and` joins. It looks for bounds that leave nothing between them, for two different values of one column, and for
a value that is asked for and ruled out.

## Why is this bad?

The data job reads everything and stops with no rows left. Elsewhere it was worse: filters and masks that
leave nothing have trained on nothing without a word (unsloth#2095: all labels -100). Two conditions on one
column are mostly an "or" that was meant, or one that replaced another and left it standing.

Source: unsloth#2095.

## Wrong

```
dataset good {
  path = "rated.jsonl"
  where { score >= 5 ; score < 3 }
}
```

## Right

```
dataset good {
  path = "rated.jsonl"
  where { score >= 3 ; score < 5 }
}
```

Where one of the two is enough, say so: `where = score >= 5 or score < 3`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from smolc.compiler.diagnostics import Label, Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.model.filters import Compared, Measured, conjuncts

RULE = Rule("D212", "where-keeps-nothing", Severity.ERROR)
One: TypeAlias = Compared | Measured


@dataclass
class Known:
    """What the conditions on one column say so far: its value, values that it may not have, and its bounds."""

    equal: One | None = None
    unequal: dict[object, One] = field(default_factory=dict)
    low: One | None = None
    high: One | None = None

    def against(self, one: One) -> One | None:
        """An earlier condition that cannot hold together with this one."""
        if one.operator == "!=":
            return self.equal if self.equal and self.equal.value == one.value else None
        if one.operator == "==":
            ruled_out = self.unequal.get(one.value)
            others = (self.equal, self.low, self.high)
            return ruled_out or next((o for o in others if o and not _together(o, one)), None)
        opposite = self.high if one.operator[0] == ">" else self.low
        return next((o for o in (self.equal, opposite) if o and not _together(o, one)), None)

    def add(self, one: One) -> None:
        if one.operator == "==":
            self.equal = self.equal or one
        elif one.operator == "!=":
            self.unequal.setdefault(one.value, one)
        elif one.operator[0] == ">":
            self.low = one if self.low is None or _tighter(one, self.low) else self.low
        else:
            self.high = one if self.high is None or _tighter(one, self.high) else self.high


def check(context: Context) -> Iterator[Finding]:
    for label, dataset in context.recipe.datasets.items():
        known: dict[tuple[bool, str, str], Known] = {}
        for one in conjuncts(dataset.where):
            if not isinstance(one, (Compared, Measured)) or one.operator in ("in", "not in"):
                continue
            measured = isinstance(one, Measured)
            name = one.measure if isinstance(one, Measured) else one.column
            column = known.setdefault((measured, name, _kind(one.value)), Known())
            earlier = column.against(one)
            if earlier is None:
                column.add(one)
                continue
            yield Finding(
                f"no row of dataset `{label}` can meet `{one.span.text}` and `{earlier.span.text}`",
                one.span,
                labels=(Label(earlier.span, "and this"),),
                notes=("a row must meet all of these conditions",),
                help="where one of the two is enough, write `where = ... or ...`",
            )


def _kind(value: object) -> str:
    """Values are compared within a kind: text that looks like a number may equal one in the data."""
    return "bool" if isinstance(value, bool) else "text" if isinstance(value, str) else "number"


def _together(one: One, other: One) -> bool:
    """Whether a value can meet both; one of them is `==`, or they are a lower and an upper bound."""
    if one.operator == "==":
        return _meets(one.value, other)
    if other.operator == "==":
        return _meets(other.value, one)
    low, high = (one, other) if one.operator[0] == ">" else (other, one)
    a, b = _comparable(low.value), _comparable(high.value)
    return a < b or (a == b and low.operator == ">=" and high.operator == "<=")


def _meets(value: object, condition: One) -> bool:
    a, b = _comparable(value), _comparable(condition.value)
    return {"==": a == b, "<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b}[condition.operator]


def _tighter(one: One, other: One) -> bool:
    """Of two bounds on the same side."""
    a, b = _comparable(one.value), _comparable(other.value)
    return (a > b if one.operator[0] == ">" else a < b) or (a == b and "=" not in one.operator)


def _comparable(value: Any) -> tuple[Any, str]:
    """Numbers and truth values, or text: only one of the two differs within a kind."""
    return (0, value) if isinstance(value, str) else (value, "")
