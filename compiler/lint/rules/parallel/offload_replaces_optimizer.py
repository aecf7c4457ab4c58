"""Offloading trains with another optimiser than the recipe's

## What it does

Looks for `zero(..., offload = ...)` beside an optimiser other than `adamw`, in any run of a grid.

## Why is this bad?

An offloaded optimiser runs on the CPU, where DeepSpeed has its own AdamW, and Accelerate puts an Adam in place
of whatever it is given: SGD and 8-bit AdamW become DeepSpeed's Adam, without a word, with their
learning rate. Users have wondered why their optimiser is always DeepSpeedCPUAdam (accelerate#2169); the
question what should happen to the others was left open when it was last changed (accelerate#3255).

## Wrong

```
stage sft {
  init     = base
  method   = sft
  data     = chats
  optim    = sgd(lr = 0.1)
  parallel = zero(stage = 2, offload = optimizer)
}
```

## Right

```
stage sft {
  init     = base
  method   = sft
  data     = chats
  optim    = adamw(lr = 1e-5)
  parallel = zero(stage = 2, offload = optimizer)
}
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Label, Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.training import each_run, once, place
from smolc.compiler.model.methods import Zero

RULE = Rule("H907", "offload-replaces-optimizer", Severity.ERROR)


def check(context: Context) -> Iterator[Finding]:
    yield from once(_check(context))


def _check(context: Context) -> Iterator[Finding]:
    for name, stage in each_run(context):
        parallel = stage.parallel
        if not isinstance(parallel, Zero) or parallel.offload == "none" or stage.optim.word == "adamw":
            continue
        there = parallel.span_of("offload")
        yield Finding(
            f"stage `{name}` would not be trained with {stage.optim.word}: offloading puts Adam in its place",
            place(stage, "optim"),
            labels=(Label(there, "offloaded"),) if there else (),
            help="write `optim = adamw(lr = ...)`, or do not offload",
        )
