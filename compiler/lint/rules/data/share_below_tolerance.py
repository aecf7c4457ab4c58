"""A share too small to be kept

## What it does

Looks for shares below 0.5% of a mixture, 0% among them.

## Why is this bad?

Realised shares are kept within half a point of what the recipe says, since rows are whole: a share of 0.2%
may come out as none at all, and that passes. Mostly a fraction was meant as a percentage, or the source
should be taken whole. How small numbers deceive: the 835 traces of s1k-1.1 are 0.9% of the examples of the
Smol Training Playbook's SFT mixture, but 10.8% of its tokens, which is what a share counts.

Source: Smol Training Playbook, post-training chapter (mixture).

## Wrong

```
mixture skills { chats = all ; traces = share(0.1%) }
```

## Right

```
mixture skills { chats = all ; traces = share(10%) }
```

or, for a few rows whatever their share is, `traces = take(835seq)`.
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.model.data import Share

RULE = Rule("D210", "share-below-tolerance", Severity.WARNING)
TOLERANCE = 0.005


def check(context: Context) -> Iterator[Finding]:
    for name, mixture in context.recipe.mixtures.items():
        for row in mixture.rows:
            weight = row.weight
            if isinstance(weight, Share) and weight.share < TOLERANCE * (1 - 1e-9):
                what = f"`{row.split or row.dataset.name}` of mixture `{name}`"
                yield Finding(
                    f"a share of {weight.share * 100:.3g}% may come out as nothing: {what}"
                    if weight.share
                    else f"a share of 0% is nothing: {what}",
                    weight.span_of("share"),
                    notes=("realised shares are kept within 0.5% of the mixture: rows are whole",),
                    help="write a larger share, `take(...seq)` for a number of rows, or take the line out",
                )
