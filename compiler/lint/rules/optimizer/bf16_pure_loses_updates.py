"""Pure bf16 weights at a learning rate that rounding swallows

## What it does

Looks for stages with `precision = bf16_pure` that train all weights with an optimiser of Adam's kind at 1e-5
or less, in any run of a grid.

## Why is this bad?

A bf16 number has 8 bits of precision: a weight moves only if it is changed by 2^-9 (1/512) of itself or more. Adam
changes a weight by about the learning rate in a step, so at 1e-5 every weight above 0.005 stays where it is,
at 1e-6 every one above 0.0005, which is nearly all; layer norms, which begin at 1.0, never move. One project found
every norm of its published models exactly at 1.0 and 10 to 15% of quality in it (speculators#765), another fixed a
recipe at 6e-6 (Automodel#3444), and optimisers got stochastic rounding for it (ao#1124).

`bf16` computes in bf16 too and keeps fp32 master weights, under DDP, FSDP2 and ZeRO alike; the same recipe with the
one or the other is another run.

## Wrong

```
stage sft {
  init      = base
  method    = sft
  data      = chats
  precision = bf16_pure
  optim     = adamw(lr = 1e-5)
}
```

## Right

```
stage sft {
  init      = base
  method    = sft
  data      = chats
  precision = bf16
  optim     = adamw(lr = 1e-5)
}
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Label, Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule, rate
from smolc.compiler.lint.training import each_run, once, place, replace
from smolc.compiler.model.methods import Full, Sgd
from smolc.compiler.plan.defaults import learning_rate

RULE = Rule("O404", "bf16-pure-loses-updates", Severity.WARNING)
HIGHEST = 1e-5
HALF_A_STEP = 2**-9
"""Of a bf16 number that is just below a power of two."""


def check(context: Context) -> Iterator[Finding]:
    yield from once(_check(context))


def _check(context: Context) -> Iterator[Finding]:
    for name, stage in each_run(context):
        if stage.precision != "bf16_pure" or not isinstance(stage.adapter, Full):
            continue
        lr = learning_rate(stage)
        if isinstance(stage.optim, Sgd) or lr > HIGHEST * (1 + 1e-9):
            continue
        there = stage.optim.span_of("lr")
        yield Finding(
            f"stage `{name}` keeps bf16 weights and changes them by about {rate(lr)} a step",
            place(stage, "precision"),
            labels=(Label(there, "the learning rate"),) if there else (),
            notes=(f"a bf16 weight above {lr / HALF_A_STEP:.2g} is rounded back to what it was",),
            help="write `precision = bf16`, which keeps fp32 master weights",
            edits=replace(stage, "precision", "bf16"),
        )
