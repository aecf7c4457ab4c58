"""FSDP2 where there is nothing to shard over

## What it does

Looks for stages with `parallel = fsdp2` that are planned on CPUs, or on one device.

## Why is this bad?

On CPUs, and on one device, Accelerate quietly builds something else: DDP, or no parallelism at all. Jobs check
what was built against what was asked for, and would stop. Elsewhere such a run goes on as something nobody
asked for, like the batch that silently depended on the number of GPUs (alignment-handbook#44,
alignment-handbook#124).

## Wrong

```
cluster one { gpus = 1 }
stage sft { init = base ; method = sft ; data = chats ; parallel = fsdp2 ; on = one }
```

## Right

```
cluster node { gpus = 8 }
stage sft { init = base ; method = sft ; data = chats ; parallel = fsdp2 ; on = node }
```

or `parallel = auto`, which shards only what takes 30% of a device or more.
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.training import HERE, once, place, replace, trainings

RULE = Rule("H902", "fsdp2-needs-several-gpus", Severity.ERROR)


def check(context: Context) -> Iterator[Finding]:
    yield from once(_check(context))


def _check(context: Context) -> Iterator[Finding]:
    for run in trainings(context):
        if run.body["parallel"]["type"] != "fsdp2":
            continue
        here = run.cluster.name == HERE
        if run.cluster.device == "cpu":
            where = f"on the CPUs of `{run.cluster.name}`"
        elif run.cluster.world_size == 1:
            where = (
                "on one device, since nothing says where" if here else f"on one GPU of `{run.cluster.name}`"
            )
        else:
            continue
        yield Finding(
            f"stage `{run.name}` is planned with FSDP2 {where}",
            place(run.stage, "parallel"),
            help="write `parallel = auto`" + (", or say where it runs: `--on 8xh100`" if here else ""),
            edits=replace(run.stage, "parallel", "auto"),
        )
