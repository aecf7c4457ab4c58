"""A length that some rows do not fit, and rows that do not fit are an error

## What it does

Looks for stages with a `length = fit(...)` of less than 100% and `overlong = error`, which is the default.

## Why is this bad?

A length that 99% of the rows fit into is one that 1% do not, and those may not be. Whether rounding up to a multiple
of 64 happens to make room for them depends on the rows: the recipe would work with these and not with the next ones,
so the data job refuses it. Lengths have long tails: where the mean row of the Smol Training Playbook's SystemChats has 630
tokens, with reasoning it has 1,070, and a row of s1k-1.1 9,800.

Source: Smol Training Playbook, post-training chapter (mixture).

## Wrong

```
stage sft { init = base ; method = sft ; data = chats ; packing = best_fit(length = fit(99%)) }
```

## Right

```
stage sft { init = base ; method = sft ; data = chats ; packing = best_fit(length = fit(99%)) ; overlong = drop }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity
from smolc.compiler.lint.context import Context, first
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.training import each_run, once
from smolc.compiler.model.methods import Cpt, Fit, Sft

RULE = Rule("B310", "fitted-length-refuses-rest", Severity.ERROR)


def check(context: Context) -> Iterator[Finding]:
    yield from once(_check(context))


def _check(context: Context) -> Iterator[Finding]:
    for name, stage in each_run(context):
        length = stage.packing.length
        if not isinstance(length, Fit) or length.quantile == 1 or stage.overlong != "error":
            continue
        split = ", `truncate` or `split`" if isinstance(stage.method, (Cpt, Sft)) else " or `truncate`"
        yield Finding(
            f"stage `{name}` has a length that {length.quantile * 100:.4g}% of its rows fit into, and refuses the others",
            first(length.span, stage.span),
            help=f"write `overlong = drop`{split}, or `length = fit(100%)`",
        )
