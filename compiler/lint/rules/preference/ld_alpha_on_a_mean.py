"""LD-DPO's weight on a loss that is a mean over tokens

## What it does

Looks for `dpo` with an `ld_alpha` below 1 and the loss `ipo` or `sigmoid_norm`.

## Why is this bad?

Both divide an answer's log-probability by its number of tokens, which takes its length out. `ld_alpha` makes
the tokens beyond the shorter answer count less, for the same end, but they are counted whole in the divisor. The
longer of two answers then gets less than the mean of its tokens, whether it is the chosen or the rejected one: with
`ld_alpha = 0` and an answer twice as long, half of it.

Source: LD-DPO (arXiv 2409.06411), equation 11, which weighs sums.

## Wrong

```
stage dpo { init = sft ; method = dpo(loss = sigmoid_norm, ld_alpha = 0.5) ; data = pairs }
```

## Right

```
stage dpo { init = sft ; method = dpo(loss = sigmoid, ld_alpha = 0.5) ; data = pairs }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Label, Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.stages import runs_of
from smolc.compiler.model.methods import Dpo

RULE = Rule("P518", "ld-alpha-on-a-mean", Severity.WARNING)
MEANS = ("ipo", "sigmoid_norm")


def check(context: Context) -> Iterator[Finding]:
    seen = set()
    for name, run in runs_of(context, Dpo):
        method = run.method
        if not isinstance(method, Dpo) or method.ld_alpha in (None, 1):
            continue
        means = [f"`{o}`" for o in method.loss if o in MEANS]
        span, loss = method.span_of("ld_alpha"), method.span_of("loss")
        if not means or span in seen:
            continue
        seen.add(span)
        yield Finding(
            f"stage `{name}` takes the length of answers out twice: by `ld_alpha`, and by {' and '.join(means)}",
            span,
            labels=(Label(loss, "a mean over an answer's tokens"),) if loss else (),
            notes=("tokens that count less are counted whole in the divisor of the mean",),
            help="take `ld_alpha` out, or write a loss of sums, such as `sigmoid`",
        )
