"""A robust loss that takes half of the labels to be wrong

## What it does

Looks for `dpo(loss = robust)` with a `label_smoothing` of 50% or more.

## Why is this bad?

The robust loss divides by `1 - 2 x label_smoothing`. At one half that is zero and the first loss is not a
number; above, the sign turns and the model learns to prefer the rejected answers. TRL prints a warning and goes
on. Losses that were no number from the first step have cost runs before (trl#5826, trl#3382).

## Wrong

```
stage dpo { init = sft ; method = dpo(loss = robust, label_smoothing = 50%) ; data = pairs }
```

## Right

```
stage dpo { init = sft ; method = dpo(loss = robust, label_smoothing = 10%) ; data = pairs }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.stages import runs_of
from smolc.compiler.model.methods import Dpo

RULE = Rule("P510", "robust-smoothing-too-high", Severity.ERROR)


def check(context: Context) -> Iterator[Finding]:
    seen = set()
    for name, run in runs_of(context, Dpo):
        method = run.method
        if not isinstance(method, Dpo) or "robust" not in method.loss or method.label_smoothing < 0.5:
            continue
        span = method.span_of("label_smoothing")
        if span in seen:
            continue
        seen.add(span)
        half = method.label_smoothing == 0.5
        effect = "its loss divides by zero" if half else "its loss prefers the rejected answers"
        yield Finding(
            f"stage `{name}` takes {method.label_smoothing:.0%} of its labels to be wrong: {effect}",
            span,
            notes=("the robust loss divides by 1 - 2 x label_smoothing",),
            help="stay below 50%; `label_smoothing = 10%` says that one label in ten is wrong",
        )
