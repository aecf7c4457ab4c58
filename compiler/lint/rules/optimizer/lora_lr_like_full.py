"""A LoRA stage with a learning rate for full fine-tuning

## What it does

Looks for `cpt` and `sft` stages with `lora` or `qlora` whose learning rate is below five times the default of
full fine-tuning (5e-5). Where there is a grid, its largest value counts: one that begins low finds out.

## Why is this bad?

The best learning rate of LoRA is about ten times that of full fine-tuning, nearly independent of the rank
("LoRA Without Regret"). A rate carried over from a full fine-tuning recipe trains an adapter that hardly
learns, without any sign of it but a higher loss, and LoRA is then said not to work.

Source: "LoRA Without Regret", and TRL's guide to it.

## Wrong

```
stage sft {
  init    = base
  method  = sft
  data    = chats
  adapter = lora(rank = 64)
  optim   = adamw(lr = 2e-5)
}
```

## Right

```
stage sft {
  init    = base
  method  = sft
  data    = chats
  adapter = lora(rank = 64)
  optim   = adamw(lr = 2e-4)        # or none: the default of LoRA is 1e-4
}
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Label, Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule, rate
from smolc.compiler.model.methods import Cpt, Lora, Sft, Sgd
from smolc.compiler.plan.defaults import learning_rate

RULE = Rule("O401", "lora-lr-like-full", Severity.WARNING)
TIMES = 5
FULL = 1e-5
"""The default of full fine-tuning."""


def check(context: Context) -> Iterator[Finding]:
    for name in context.recipe.stages:
        runs = [
            run
            for run in context.runs(name)
            if isinstance(run.adapter, Lora)
            and isinstance(run.method, (Cpt, Sft))
            and not isinstance(run.optim, Sgd)
        ]
        if not runs:
            continue
        fastest = max(runs, key=learning_rate)
        lr, there = learning_rate(fastest), fastest.adapter.span
        if lr >= TIMES * FULL * (1 - 1e-9):
            continue
        yield Finding(
            f"stage `{name}` trains an adapter at {rate(lr)}, a learning rate for full fine-tuning",
            fastest.optim.span_of("lr"),
            labels=(Label(there, "the adapter"),) if there else (),
            notes=("LoRA's best learning rate is about ten times that of full fine-tuning, at any rank",),
            help=f"try `lr = {rate(10 * FULL)}`, and scan around it",
        )
