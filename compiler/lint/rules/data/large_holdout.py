"""A holdout that takes a large part of the data

## What it does

Looks for mixtures with a `holdout` of more than 20%.

## Why is this bad?

What is held out is not learnt from. A validation loss needs some hundreds of rows, whatever the size of the
data, and rows are what fine-tuning is short of: the 835 traces of s1k-1.1 carry a tenth of the tokens of the
Smol Training Playbook's SFT mixture, and a holdout of 30% would keep 250 of them away. Often the number was
meant the other way round, as the part that trains.

Source: Smol Training Playbook, post-training chapter (mixture).

## Wrong

```
mixture skills { chats = all ; holdout = 80% }
```

## Right

```
mixture skills { chats = all ; holdout = 2% }     # or a number of rows: 500seq
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule

RULE = Rule("D214", "large-holdout", Severity.WARNING)
MOST = 0.2


def check(context: Context) -> Iterator[Finding]:
    for name, mixture in context.recipe.mixtures.items():
        held = mixture.held_part
        if held is not None and held.unit == "%" and MOST * (1 + 1e-9) < held.value < 1:
            yield Finding(
                f"mixture `{name}` keeps {held} of its rows out of training",
                mixture.span_of("holdout"),
                help="some hundreds of rows are enough for a validation loss: `holdout = 500seq`, or `2%`",
            )
