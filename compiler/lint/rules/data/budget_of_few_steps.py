"""A mixture of a few steps

## What it does

Divides the `budget` of a mixture by the tokens of an optimiser step, times the epochs of the stage, where
rows are packed, and complains below 100 steps.

## Why is this bad?

A model learns from updates. Where the Smol Training Playbook packed a small SFT set at an unchanged batch of
128, an epoch was over after far fewer updates, and IFEval fell from 71.6 to 59.9 (69.6 to 57.1 without
thinking); with a batch of 8 packed rows it came back to 69.8. Below about 100 steps even the best learning
rate is another ("LoRA Without Regret").

Source: Smol Training Playbook, post-training chapter (packing).

## Wrong

```
mixture skills { chats = all ; budget = 20Mtok }
stage sft { init = base ; method = sft ; data = skills ; packing = best_fit(length = 8Ki) ; batch = 1Mitok }
```

## Right

```
mixture skills { chats = all ; budget = 20Mtok }
stage sft { init = base ; method = sft ; data = skills ; packing = best_fit(length = 8Ki) ; batch = 64Kitok }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Label, Severity
from smolc.compiler.lint.context import Context, first
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.plan.defaults import batch

RULE = Rule("D218", "budget-of-few-steps", Severity.WARNING)
ENOUGH = 100


def check(context: Context) -> Iterator[Finding]:
    for name in context.recipe.stages:
        for stage in context.runs(name):
            mixture = context.recipe.mixtures.get(stage.data.name)
            if mixture is None or mixture.budget is None or not stage.packed or stage.length.unit != "epoch":
                continue
            size = batch(stage)
            tokens = int(size.value) * (stage.packing.length if size.unit == "seq" else 1)
            steps = float(stage.length.value) * mixture.budget / tokens
            if steps >= ENOUGH:
                continue
            span = first(stage.span_of("batch") if stage.batch else stage.packing.span, stage.span)
            budget = mixture.span_of("budget")
            yield Finding(
                f"stage `{name}` is over after {max(1, round(steps))} steps of {tokens:,} tokens",
                span,
                labels=(Label(budget, "all that it trains on"),) if budget else (),
                notes=(
                    "the playbook's IFEval fell from 71.6 to 59.9 when packing left few updates of a small set",
                ),
                help="make the batch smaller, or the budget larger",
            )
            break
