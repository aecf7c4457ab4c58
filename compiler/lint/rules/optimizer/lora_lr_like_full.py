"""A LoRA stage with a learning rate for full fine-tuning

## What it does

Looks for `cpt` and `sft` stages with `lora` or `qlora` whose learning rate, in any run of a grid, is below
five times the default of full fine-tuning (5e-5).

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
from smolc.compiler.model.methods import Adamw, Cpt, Full, Lora, Sft, Sgd
from smolc.compiler.plan.defaults import learning_rate

RULE = Rule("O401", "lora-lr-like-full", Severity.WARNING)
TIMES = 5


def check(context: Context) -> Iterator[Finding]:
    for name in context.recipe.stages:
        seen = set()
        for stage in context.runs(name):
            lr, adapter = stage.optim.lr, stage.adapter
            if lr is None or not isinstance(adapter, Lora) or isinstance(stage.optim, Sgd):
                continue
            full = learning_rate(stage.model_copy(update={"adapter": Full(), "optim": Adamw()}))
            span = stage.optim.span_of("lr")
            if not isinstance(stage.method, (Cpt, Sft)) or lr >= TIMES * full * (1 - 1e-9) or span in seen:
                continue
            seen.add(span)
            yield Finding(
                f"stage `{name}` trains an adapter at {rate(lr)}, a learning rate for full fine-tuning",
                span,
                labels=(Label(adapter.span, "the adapter"),) if adapter.span else (),
                notes=("LoRA's best learning rate is about ten times that of full fine-tuning, at any rank",),
                help=f"try `lr = {rate(10 * full)}`, and scan around it",
            )
