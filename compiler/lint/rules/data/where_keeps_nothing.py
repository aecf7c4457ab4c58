"""Conditions that no row can meet

## What it does

Compares the conditions of a dataset's `where` with each other: all of them must hold at once. It looks for
bounds that leave nothing between them, for two different values of one column, and for a value that is asked
for and ruled out.

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

There is no "or" in a `where`: declare two datasets of the same file, and take both into the mixture.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from smolc.compiler.diagnostics import Label, Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.model.data import Condition
from smolc.compiler.syntax import tree

RULE = Rule("D212", "where-keeps-nothing", Severity.ERROR)
One = tuple[Condition, tree.Compare]


@dataclass
class Known:
    """What the conditions on one column say so far: its value, values that it may not have, and its bounds."""

    equal: One | None = None
    unequal: dict[object, One] = field(default_factory=dict)
    low: One | None = None
    high: One | None = None

    def against(self, one: One) -> One | None:
        """An earlier condition that cannot hold together with this one."""
        condition = one[0]
        if condition.operator == "!=":
            return self.equal if self.equal and self.equal[0].value == condition.value else None
        if condition.operator == "==":
            ruled_out = self.unequal.get(condition.value)
            others = (self.equal, self.low, self.high)
            return ruled_out or next((o for o in others if o and not _together(o[0], condition)), None)
        opposite = self.high if condition.operator[0] == ">" else self.low
        return next((o for o in (self.equal, opposite) if o and not _together(o[0], condition)), None)

    def add(self, one: One) -> None:
        operator = one[0].operator
        if operator == "==":
            self.equal = self.equal or one
        elif operator == "!=":
            self.unequal.setdefault(one[0].value, one)
        elif operator[0] == ">":
            self.low = one if self.low is None or _tighter(one[0], self.low[0]) else self.low
        else:
            self.high = one if self.high is None or _tighter(one[0], self.high[0]) else self.high


def check(context: Context) -> Iterator[Finding]:
    for section in context.resolved.of("dataset"):
        where = section.child("where") if section.sections else None
        if where is None or section.label is None:
            continue
        conditions = context.recipe.datasets[section.label.text].where
        known: dict[tuple[str, str], Known] = {}
        for one in zip(conditions, where.checks, strict=False):
            condition, written = one
            column = known.setdefault((condition.column, _kind(condition.value)), Known())
            earlier = column.against(one)
            if earlier is None:
                column.add(one)
                continue
            yield Finding(
                f"no row of dataset `{section.label.text}` can meet `{written.span.text}` "
                f"and `{earlier[1].span.text}`",
                written.span,
                labels=(Label(earlier[1].span, "and this"),),
                notes=("a row must meet all conditions of a `where`",),
                help='for "or", declare two datasets of the same files, each with one of them',
            )


def _kind(value: object) -> str:
    """Values are compared within a kind: text that looks like a number may equal one in the data."""
    return "bool" if isinstance(value, bool) else "text" if isinstance(value, str) else "number"


def _together(one: Condition, other: Condition) -> bool:
    """Whether a value can meet both; one of them is `==`, or they are a lower and an upper bound."""
    if one.operator == "==":
        return _meets(one.value, other)
    if other.operator == "==":
        return _meets(other.value, one)
    low, high = (one, other) if one.operator[0] == ">" else (other, one)
    a, b = _comparable(low.value), _comparable(high.value)
    return a < b or (a == b and low.operator == ">=" and high.operator == "<=")


def _meets(value: object, condition: Condition) -> bool:
    a, b = _comparable(value), _comparable(condition.value)
    return {"==": a == b, "<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b}[condition.operator]


def _tighter(one: Condition, other: Condition) -> bool:
    """Of two bounds on the same side."""
    a, b = _comparable(one.value), _comparable(other.value)
    return (a > b if one.operator[0] == ">" else a < b) or (a == b and "=" not in one.operator)


def _comparable(value: Any) -> tuple[Any, str]:
    """Numbers and truth values, or text: only one of the two differs within a kind."""
    return (0, value) if isinstance(value, str) else (value, "")
