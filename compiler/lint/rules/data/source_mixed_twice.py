"""A mixture that reads the same rows twice

## What it does

Looks for two rows of a mixture that read the same local file, or the same split on the hub, under different
names. Where each has a `where` and the two differ, they are taken for different rows.

## Why is this bad?

The source weighs more than either line says, its rows are repeated more often than `at_most` allows, and the
report shows the two halves as if they were different data. The Smol Training Playbook's advice to balance a
mixture by tokens (s1k-1.1: 0.9% of the examples, 10.8% of the tokens) only works if a source is one line.

Source: Smol Training Playbook, post-training chapter (mixture).

## Wrong

```
dataset chats  { path = "chats.jsonl" }
dataset chats2 { path = "chats.jsonl" }
mixture skills { chats = share(60%) ; chats2 = share(40%) }
```

## Right

```
dataset chats { path = "chats.jsonl" }
dataset maths { path = "maths.jsonl" }
mixture skills { chats = share(60%) ; maths = share(40%) }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Label, Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.sources import Rows, mixed

RULE = Rule("D209", "source-mixed-twice", Severity.WARNING)


def check(context: Context) -> Iterator[Finding]:
    for name, mixture in context.recipe.mixtures.items():
        if len(mixture.rows) < 2:
            continue
        rows = Rows(context.resolved)
        for source in mixed(name, context):
            shared = rows.shared(source.dataset, source.split)
            rows.add(source)
            if shared is None:
                continue
            place, earlier = shared
            what = (
                f"the file `{source.dataset.path[0]}`" if source.dataset.path else f"the split `{place[-1]}`"
            )
            if source.dataset.path and len(source.dataset.path) > 1:
                what = "a file"
            yield Finding(
                f"`{source.shown}` and `{earlier.shown}` of mixture `{name}` both read {what}",
                source.span,
                labels=(Label(earlier.span, "reads the same rows"),) if earlier.span else (),
                help="keep one line with the weight that is meant; to repeat rows, write `at_most` in a `share`",
            )
