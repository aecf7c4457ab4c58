"""Full fine-tuning without a warm-up

## What it does

Looks for stages that train all weights with `warmup = 0%` (or `0step`) and an optimiser of Adam's kind.

## Why is this bad?

In its first steps Adam divides by an average over hardly any gradients, and a pretrained model can be thrown
off before the average means anything. Every published stage of the Smol Training Playbook warms up, for 3%
or 10% of its steps. Adapters begin at zero and need it less: "LoRA Without Regret" trains them at a constant
rate, and they are left alone here.

Source: Smol Training Playbook, post-training chapter (SmolLM3's recipes).

## Wrong

```
stage sft { init = base ; method = sft ; data = chats ; schedule = cosine(warmup = 0%) }
```

## Right

```
stage sft { init = base ; method = sft ; data = chats ; schedule = cosine(warmup = 3%) }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.training import each_run, once, replace
from smolc.compiler.model.methods import Full, Sgd

RULE = Rule("O419", "no-warmup", Severity.INFO)


def check(context: Context) -> Iterator[Finding]:
    yield from once(_check(context))


def _check(context: Context) -> Iterator[Finding]:
    for name, stage in each_run(context):
        if stage.schedule.warmup.value > 0 or not isinstance(stage.adapter, Full):
            continue
        if isinstance(stage.optim, Sgd):
            continue
        yield Finding(
            f"stage `{name}` trains all weights at the full learning rate from the first step",
            stage.schedule.span_of("warmup"),
            notes=("SmolLM3's stages warmed up for 3% and 10%",),
            help="write `warmup = 3%`",
            edits=replace(stage.schedule, "warmup", "3%"),
        )
