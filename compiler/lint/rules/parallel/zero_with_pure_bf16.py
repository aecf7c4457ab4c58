"""ZeRO with pure bf16 weights

## What it does

Looks for stages with `parallel = zero(...)` and `precision = bf16_pure`, in any run of a grid.

## Why is this bad?

DeepSpeed always keeps fp32 master weights, so there is no pure bf16 to be had with ZeRO, and the job refuses
to start. Where nobody refuses, the same recipe trains something else on another launcher: ZeRO and FSDP2 with
fp32 weights, plain DDP with bf16 ones, in which small updates are rounded away (pytorch#120376).

## Wrong

```
stage sft {
  init      = base
  method    = sft
  data      = chats
  precision = bf16_pure
  parallel  = zero(stage = 2)
}
```

## Right

```
stage sft {
  init      = base
  method    = sft
  data      = chats
  precision = bf16
  parallel  = zero(stage = 2)
}
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Label, Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.training import each_run, once, place, replace
from smolc.compiler.model.methods import Zero

RULE = Rule("H905", "zero-with-pure-bf16", Severity.ERROR)


def check(context: Context) -> Iterator[Finding]:
    yield from once(_check(context))


def _check(context: Context) -> Iterator[Finding]:
    for name, stage in each_run(context):
        if stage.precision != "bf16_pure" or not isinstance(stage.parallel, Zero):
            continue
        there = stage.span_of("parallel")
        yield Finding(
            f"stage `{name}` asks for pure bf16, and ZeRO always keeps fp32 weights",
            place(stage, "precision"),
            labels=(Label(there, "ZeRO"),) if there else (),
            help="write `precision = bf16`, or `parallel = fsdp2`",
            edits=replace(stage, "precision", "bf16"),
        )
