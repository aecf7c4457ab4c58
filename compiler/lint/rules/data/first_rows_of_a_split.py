"""A slice of a split instead of a sample

## What it does

Looks for training sources from the hub whose split is a slice: `train[:10%]`.

## Why is this bad?

A slice is what happens to stand there. Datasets are often sorted, by source, by length or by difficulty, and
the first tenth is then one kind of row. TRL's mixtures take the first rows of each dataset, which is how the
published configuration of SmolLM3 gets its fractions (Smol Training Playbook); `take` draws them with the
recipe's seed from everywhere.

Source: Smol Training Playbook, SmolLM3's configuration.

## Wrong

```
dataset chats { hub = "some/chats" ; split = "train[:10%]" }
mixture skills { chats = all }
```

## Right

```
dataset chats { hub = "some/chats" ; split = "train" }
mixture skills { chats = take(10%) }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.sources import trained

RULE = Rule("D217", "first-rows-of-a-split", Severity.INFO)


def check(context: Context) -> Iterator[Finding]:
    seen = set()
    for _, source in trained(context):
        if source.dataset.hub is None or "[" not in source.split:
            continue
        of_row = source.row is not None and source.row.split is not None
        span = source.span if of_row else source.dataset.span_of("split")
        if span in seen:
            continue
        seen.add(span)
        name, _, part = source.split.rstrip("]").partition("[")
        percent = part.strip(":") if part.endswith("%") and part.startswith(":") else "10%"
        yield Finding(
            f"`{source.split}` is rows in the order in which they stand, not a sample of `{name}`",
            span,
            help=f"take the whole split, and draw from it in the mixture: `take({percent})`",
        )
