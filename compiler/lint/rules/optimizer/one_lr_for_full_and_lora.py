"""Full fine-tuning and LoRA compared at one learning rate

## What it does

Looks for sweeps over `adapter` that hold both `full` and an adapter while one given learning rate is used for
both.

## Why is this bad?

LoRA's best learning rate is about ten times that of full fine-tuning ("LoRA Without Regret"). At one rate for
both, the grid finds out which of them the rate was made for: at 1e-5 the adapter hardly learns, at 1e-4 full
fine-tuning unlearns (AIME25 12.6 -> 1.2 in the Smol Training Playbook). That LoRA falls short has often been
reported from comparisons like this.

Source: "LoRA Without Regret"; Smol Training Playbook, post-training chapter.

## Wrong

```
stage sft {
  init   = base
  method = sft
  data   = chats
  optim  = adamw(lr = 5e-5)
  sweep { adapter = [full, lora]; pick = min(eval_loss) }
}
```

## Right

```
stage sft {
  init   = base
  method = sft
  data   = chats
  sweep {
    adapter  = [full, lora]
    optim.lr = [1e-5, 1e-4]         # each with its own
    mode     = zip
    pick     = min(eval_loss)
  }
}
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Label, Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule, rate
from smolc.compiler.model.methods import Full, Lora

RULE = Rule("O418", "one-lr-for-full-and-lora", Severity.WARNING)


def check(context: Context) -> Iterator[Finding]:
    for name, declared in context.recipe.stages.items():
        axis = (
            next((a for a in declared.sweep.axes if str(a.path) == "adapter"), None)
            if declared.sweep
            else None
        )
        if axis is None:
            continue
        runs = list(context.runs(name))
        full = {run.optim.lr for run in runs if isinstance(run.adapter, Full)}
        lora = {run.optim.lr for run in runs if isinstance(run.adapter, Lora)}
        if len(full) != 1 or full != lora:
            continue
        (lr,) = full
        if lr is None:  # the default knows
            continue
        there = declared.optim.span_of("lr")
        yield Finding(
            f"the grid of stage `{name}` trains adapters and all weights at {rate(lr)}",
            axis.span,
            labels=(Label(there, "the learning rate of both"),) if there else (),
            notes=("LoRA's best learning rate is about ten times that of full fine-tuning",),
            help="give each its own: leave `lr` out, or zip the adapters with `optim.lr`",
        )
