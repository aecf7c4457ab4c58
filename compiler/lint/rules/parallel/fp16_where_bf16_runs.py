"""fp16 on a GPU that has bf16

## What it does

Looks for stages with `precision = fp16` on GPUs that are known to have bf16 (Ampere and later, MI250X and
later).

## Why is this bad?

fp16 ends at 65,504, and models that were trained in bf16 have activations beyond it: the loss becomes nan. A
Qwen3-8B gave loss=nan as soon as it was loaded in fp16 (G.O.D#1231), and so did T5 (flan-alpaca#19) and
GPT-Neo at 2,048 tokens (transformers#11076). bf16 has the range of fp32 and needs no loss scaling. On
GPUs without it, fp16 is right.

## Wrong

```
cluster node { gpus = 8 ; gpu = "a100" }
stage sft { init = base ; method = sft ; data = chats ; on = node ; precision = fp16 }
```

## Right

```
cluster node { gpus = 8 ; gpu = "a100" }
stage sft { init = base ; method = sft ; data = chats ; on = node ; precision = bf16 }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.training import BEFORE_AMPERE, gpu_of, named, once, place, replace, trainings
from smolc.compiler.plan.cluster import GPUS

RULE = Rule("H914", "fp16-where-bf16-runs", Severity.WARNING)


def check(context: Context) -> Iterator[Finding]:
    yield from once(_check(context))


def _check(context: Context) -> Iterator[Finding]:
    for run in trainings(context):
        if run.body["precision"] != "fp16":
            continue
        gpu = gpu_of(run.cluster, context.recipe)
        if gpu not in GPUS or gpu in BEFORE_AMPERE:
            continue
        yield Finding(
            f"stage `{run.name}` computes in fp16 on {named(gpu)}, which has bf16",
            place(run.stage, "precision"),
            notes=("what was trained in bf16 overflows in fp16 now and then, and the loss becomes nan",),
            help="write `precision = bf16`",
            edits=replace(run.stage, "precision", "bf16"),
        )
