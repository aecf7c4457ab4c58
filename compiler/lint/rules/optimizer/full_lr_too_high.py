"""Full fine-tuning at a learning rate that unlearns

## What it does

Looks for `cpt` and `sft` stages that train all weights of a pretrained model at 1e-4 or more (models below a
billion parameters, and those whose size is not known: 1e-3 or more). Where there is a grid, its smallest
value counts. SGD and models from scratch have other ranges and are left alone.

## Why is this bad?

The Smol Training Playbook scanned [1e-6, 3e-6, 1e-5, 3e-5, 1e-4] for the SFT of a 3B model. The mean of its
evals with thinking was 31.9, 35.6, 35.6, 34.7, 30.7: at 1e-4 it is worse than hardly trained at all. AIME25
fell from 12.6 at 1e-5 to 1.2 at 1e-4: what pretraining taught was overwritten, and the training loss looked
fine. Small models bear more: SmolLM2-135M on GSM8K had its best validation loss at 1e-4 (0.593), and 0.676
at 1e-3.

Source: Smol Training Playbook, post-training chapter; this project's `recipes/gsm8k.recipe`.

## Wrong

```
model base { hub = "HuggingFaceTB/SmolLM3-3B-Base" }
stage sft {
  init   = base
  method = sft
  data   = chats
  optim  = adamw(lr = 2e-4)         # a LoRA rate
}
```

## Right

```
model base { hub = "HuggingFaceTB/SmolLM3-3B-Base" }
stage sft {
  init   = base
  method = sft
  data   = chats
  optim  = adamw(lr = 1e-5)         # or adapter = lora, and keep the rate
}
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule, rate
from smolc.compiler.model.methods import Cpt, Full, Sft, Sgd
from smolc.compiler.plan.defaults import learning_rate
from smolc.compiler.plan.size import parameters
from smolc.compiler.plan.templates import model_of

RULE = Rule("O402", "full-lr-too-high", Severity.WARNING)
LARGE = 1e9
HIGHEST, HIGHEST_SMALL = 1e-4, 1e-3


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
        slowest = min(runs, key=learning_rate)
        lr = learning_rate(slowest)
        if lr < HIGHEST * (1 - 1e-9):
            continue
        model = context.recipe.models[model_of(slowest, context.recipe)]
        size = parameters(model)
        large = size is not None and size >= LARGE
        if model.scratch is not None or lr < (HIGHEST if large else HIGHEST_SMALL) * (1 - 1e-9):
            continue
        yield Finding(
            f"stage `{name}` trains all weights at {rate(lr)}",
            slowest.optim.span_of("lr"),
            notes=(
                "the playbook's 3B model fell from 12.6 to 1.2 on AIME25 between 1e-5 and 1e-4"
                if large
                else "even a model of 135M had its best loss at 1e-4, and lost what it gained at 1e-3",
            ),
            help="try `lr = 1e-5`, and scan 3e-6 to 3e-5"
            if large
            else "try `lr = 1e-5` to `lr = 1e-4`: the smaller the model, the higher",
        )
