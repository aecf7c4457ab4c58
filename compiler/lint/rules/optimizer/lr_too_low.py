"""A learning rate below what was worth measuring

## What it does

Looks for `cpt` and `sft` stages that train all weights at 1e-6 or less. Where there is a grid, its largest
value counts. SGD has another range, and adapters have a rule of their own (`lora-lr-like-full`).

## Why is this bad?

1e-6 is where the Smol Training Playbook's grid for SFT began, and there it was worst or next to it: the mean
of its evals was 31.9 against 35.6 at 1e-5 with thinking, 26.7 against 30.0 without. Such a rate has usually
been carried over from a preference stage, whose rates are ten times lower, or lost a digit in its exponent
(in YAML, where `2e-5` may be a string, that went unnoticed too: LlamaFactory#4014).

Source: Smol Training Playbook, post-training chapter.

## Wrong

```
stage sft { init = base ; method = sft ; data = chats ; optim = adamw(lr = 1e-6) }
```

## Right

```
stage sft { init = base ; method = sft ; data = chats ; optim = adamw(lr = 1e-5) }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule, rate
from smolc.compiler.model.methods import Cpt, Full, Sft, Sgd
from smolc.compiler.plan.defaults import learning_rate

RULE = Rule("O403", "lr-too-low", Severity.WARNING)
LOWEST = 1e-6


def check(context: Context) -> Iterator[Finding]:
    for name in context.recipe.stages:
        runs = [
            run
            for run in context.runs(name)
            if isinstance(run.adapter, Full)
            and isinstance(run.method, (Cpt, Sft))
            and not isinstance(run.optim, Sgd)
        ]
        if not runs:
            continue
        fastest = max(runs, key=learning_rate)
        lr = learning_rate(fastest)
        if lr > LOWEST * (1 + 1e-9):
            continue
        yield Finding(
            f"stage `{name}` trains all weights at {rate(lr)}, which teaches next to nothing",
            fastest.optim.span_of("lr"),
            notes=("the playbook's SFT scored 31.9 at 1e-6 and 35.6 at 1e-5",),
            help="try `lr = 1e-5`, and scan 3e-6 to 3e-5",
        )
