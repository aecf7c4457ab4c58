"""bf16 on a GPU that does not have it

## What it does

Where the GPU is a T4, V100 or another from before Ampere, looks for stages with `precision = bf16`, which is
the default, or `bf16_pure`.

## Why is this bad?

These GPUs have no bf16 arithmetic. Libraries have refused with "Your setup doesn't support bf16/gpu"
(FastChat#399 on eight V100s, LMFlow#251 on a T4); newer ones emulate it, slowly, while fp16 would use the
tensor cores.

## Wrong

```
cluster old { gpus = 4 ; gpu = "v100" ; memory = 32GiB }
stage sft { init = base ; method = sft ; data = chats ; on = old }
```

## Right

```
cluster old { gpus = 4 ; gpu = "v100" ; memory = 32GiB }
stage sft { init = base ; method = sft ; data = chats ; on = old ; precision = fp16 }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Label, Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.training import (
    BEFORE_AMPERE,
    gpu_of,
    named,
    once,
    place,
    place_of_gpu,
    replace,
    trainings,
)

RULE = Rule("H913", "bf16-before-ampere", Severity.WARNING)


def check(context: Context) -> Iterator[Finding]:
    yield from once(_check(context))


def _check(context: Context) -> Iterator[Finding]:
    for run in trainings(context):
        precision = run.body["precision"]
        gpu = gpu_of(run.cluster, context.recipe)
        if gpu not in BEFORE_AMPERE or precision not in ("bf16", "bf16_pure"):
            continue
        there = place_of_gpu(run.cluster, context.recipe)
        default = "" if run.stage.given("precision") else ", the default"
        yield Finding(
            f"stage `{run.name}` computes in {precision}{default}, which {named(gpu)} does not have",
            place(run.stage, "precision"),
            labels=(Label(there, "the GPU"),) if there else (),
            help="write `precision = fp16`, or fp32 if the loss overflows",
            edits=replace(run.stage, "precision", "fp16"),
        )
