"""A number in quotes

## What it does

Looks for conditions that order a column by a text which is a number: `score >= "3"`.

## Why is this bad?

Text is compared letter by letter, and "10" comes before "3": of rows from a csv file, the best are dropped.
With numbers in the column the data job stops at the first row. Numbers that were text have cost others days:
YAML reads `2e-5` as a string (LlamaFactory#4014, trl#1450), which is why it is a number here.

Source: LlamaFactory#4014, trl#1450.

## Wrong

```
dataset good { path = "rated.csv" ; where { score >= "3" } }
```

## Right

```
dataset good { path = "rated.csv" ; where { score >= 3 } }
```

The text of a csv file is compared with a number by its value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from smolc.compiler.diagnostics import Edit, Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.syntax import tree

RULE = Rule("D213", "number-compared-as-text", Severity.WARNING)
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:e-?[0-9]+)?")


def check(context: Context) -> Iterator[Finding]:
    for section in context.resolved.of("dataset"):
        where = section.child("where") if section.sections else None
        for condition in where.checks if where is not None else ():
            value = condition.right[0][1]
            if condition.operator in ("==", "!=") or not isinstance(value, tree.Text):
                continue
            if _NUMBER.fullmatch(value.value):
                yield Finding(
                    f'`{condition.left}` is compared with the text "{value.value}", letter by letter',
                    value.span,
                    notes=('as text, "10" comes before "3"',),
                    help=f"write `{condition.left} {condition.operator} {value.value}`",
                    edits=(Edit(value.span, value.value),),
                )
