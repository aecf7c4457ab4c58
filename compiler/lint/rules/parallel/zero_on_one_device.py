"""ZeRO on one device, without offloading

## What it does

Looks for stages with `parallel = zero(...)` and no offloading on a cluster with a single device.

## Why is this bad?

ZeRO divides optimiser states, gradients and weights among devices. Among one there is nothing to divide, and
what remains is DeepSpeed's start-up, its compiler and its buffers: measured on two GPUs, where it does save
memory, ZeRO-3 trained 13,414 tokens per second and GPU where DDP trained 16,708. DeepSpeed's own answer to
slow runs of a model that fits is not to use ZeRO for it (DeepSpeed#1436).

## Wrong

```
cluster one { gpus = 1 }
stage sft { init = base ; method = sft ; data = chats ; parallel = zero(stage = 2) ; on = one }
```

## Right

```
cluster one { gpus = 1 }
stage sft { init = base ; method = sft ; data = chats ; parallel = auto ; on = one }
```

or `zero(stage = 2, offload = optimizer)`, if the optimiser has to leave the GPU.
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.training import HERE, once, place, replace, trainings

RULE = Rule("H903", "zero-on-one-device", Severity.INFO)


def check(context: Context) -> Iterator[Finding]:
    yield from once(_check(context))


def _check(context: Context) -> Iterator[Finding]:
    for run in trainings(context):
        parallel = run.body["parallel"]
        if parallel["type"] != "zero" or parallel["offload"] != "none":
            continue
        if run.cluster.world_size > 1 or run.cluster.name == HERE:
            continue
        yield Finding(
            f"stage `{run.name}` runs on one device, where ZeRO has nothing to divide",
            place(run.stage, "parallel"),
            help="write `parallel = auto`, or offload: `zero(stage = 2, offload = optimizer)`",
            edits=replace(run.stage, "parallel", "auto"),
        )
