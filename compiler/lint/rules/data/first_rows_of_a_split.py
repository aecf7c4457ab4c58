"""A slice of a split instead of a sample

## What it does

Looks for training sources from the hub whose split is a slice: `train[:10%]`.

## Why is this bad?

A slice is what happens to stand there. Splits are often joined from several sources, one after the other, and the
first tenth is then one of them; what that means for a model, the Smol Training Playbook's SFT mixture shows: a row
of Everyday Conversations has 270 tokens on average, one of s1k-1.1 9,800. TRL's mixtures take the first rows of
each dataset, too. `take` draws from everywhere, with the recipe's seed.

Source: Smol Training Playbook, post-training chapter (mixture).

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
