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
from smolc.compiler.model.filters import Compared, comparisons

RULE = Rule("D213", "number-compared-as-text", Severity.WARNING)
_ORDER = ("<", "<=", ">", ">=")
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:e-?[0-9]+)?")


def check(context: Context) -> Iterator[Finding]:
    for dataset in context.recipe.datasets.values():
        for one in comparisons(dataset.where):
            value = one.value
            if one.operator not in _ORDER or not isinstance(value, str) or not _NUMBER.fullmatch(value):
                continue
            assert isinstance(one, Compared)
            yield Finding(
                f'`{one.written}` is compared with the text "{value}", letter by letter',
                one.value_span,
                notes=('as text, "10" comes before "3"',),
                help=f"write `{one.written} {one.operator} {value}`",
                edits=(Edit(one.value_span, value),),
            )
