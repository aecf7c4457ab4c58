"""More than there is

## What it does

Looks for `take` of more than 100% of a source, and for a `holdout` of 100% or more of a mixture.

## Why is this bad?

`take` draws rows without putting them back, and what is held out is not trained: the data job would stop
with an error after all files have been read. What is mostly meant by `take(200%)` is a repetition, which only
`share` can do. Elsewhere such a weight was accepted and meant something else: in the published configuration
of SmolLM3 a dataset's "weight" is the part of it that is kept, not its part of the mixture (Smol Training
Playbook), and weights that repeat a source by tokens have been asked for since 2024 (axolotl#1508).

## Wrong

```
mixture skills { chats = all ; maths = take(200%) }
```

## Right

```
mixture skills { chats = all ; maths = share(20%, at_most = 2epoch) }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.model.data import Take, more_than_all

RULE = Rule("D211", "portion-above-the-whole", Severity.ERROR)


def check(context: Context) -> Iterator[Finding]:
    for name, mixture in context.recipe.mixtures.items():
        for row in mixture.rows:
            weight = row.weight
            if isinstance(weight, Take) and weight.amount.unit == "%" and weight.amount.value > 1:
                yield Finding(
                    f"`{row.split or row.dataset.name}` cannot give {weight.amount} of its rows",
                    weight.span_of("amount"),
                    notes=("`take` draws each row once",),
                    help=more_than_all(weight.amount.value),
                )
        held = mixture.held_part
        if held is not None and held.unit == "%" and held.value >= 1:
            yield Finding(
                f"mixture `{name}` keeps all of its rows out of training",
                mixture.span_of("holdout"),
                help="write `holdout = 2%`, or a number of rows: `holdout = 200seq`",
            )
