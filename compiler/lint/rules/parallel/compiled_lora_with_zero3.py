"""Compiled layers with LoRA and ZeRO-3

## What it does

Looks for stages with `kernels = compiled` and a LoRA adapter that are planned with ZeRO stage 3, whether the recipe
says so or `parallel = auto` chose it.

## Why is this bad?

ZeRO-3 gathers the weights of one part of the model at a time. Trained weights can be gathered for a whole layer, which
is what is compiled; frozen ones, which the backward pass of an adapter needs again, are gone by then: their shape is
`[0]` (DeepSpeed#8130, DeepSpeed 0.19; its own compiler fell over frozen weights, too, DeepSpeed#8214). The job is
refused when it starts, after everything before it has run.

## Wrong

```
cluster node { gpus = 8 }
stage sft {
  init     = base
  method   = sft
  data     = chats
  adapter  = lora(rank = 16)
  kernels  = compiled
  parallel = zero(stage = 3)
  on       = node
}
```

## Right

```
cluster node { gpus = 8 }
stage sft {
  init     = base
  method   = sft
  data     = chats
  adapter  = lora(rank = 16)
  parallel = zero(stage = 3)
  on       = node
}
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Label, Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.training import once, place, replace, trainings

RULE = Rule("H922", "compiled-lora-with-zero3", Severity.ERROR)


def check(context: Context) -> Iterator[Finding]:
    yield from once(_check(context))


def _check(context: Context) -> Iterator[Finding]:
    for run in trainings(context):
        body = run.body
        zero3 = body["parallel"]["type"] == "zero" and body["parallel"]["stage"] == 3
        if body["kernels"] != "compiled" or body["adapter"]["type"] == "full" or not zero3:
            continue
        there = run.stage.span_of("parallel")
        yield Finding(
            f"stage `{run.name}` trains an adapter with ZeRO-3, whose frozen layers cannot be compiled",
            place(run.stage, "kernels"),
            labels=(Label(there, "ZeRO-3"),) if there else (),
            help="write `kernels = auto`",
            edits=replace(run.stage, "kernels", "auto"),
        )
