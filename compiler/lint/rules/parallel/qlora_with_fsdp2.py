"""A 4-bit base sharded by FSDP2

## What it does

Looks for stages with `qlora` and `parallel = fsdp2`, in any run of a grid. `parallel = auto` takes DDP for them.

## Why is this bad?

4-bit weights are bytes, and FSDP2 shards numbers. It crashed on them, or destroyed them and trained on, with a
loss of 0.0 and a gradient of nan (accelerate#3983); since then Accelerate leaves them out, so that every
device holds all of the base, as with DDP, and only the small adapter is sharded. Axolotl rejects FSDP2 with
4 bit as it is set up here. A base in 4 bit hardly ever needs sharding: 70B parameters are 35 GB.

## Wrong

```
cluster node { gpus = 8 }
stage sft { init = base ; method = sft ; data = chats ; adapter = qlora ; parallel = fsdp2 ; on = node }
```

## Right

```
cluster node { gpus = 8 }
stage sft { init = base ; method = sft ; data = chats ; adapter = qlora ; parallel = ddp ; on = node }
```

or `adapter = lora` with `parallel = fsdp2`.
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Label, Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.training import once, place, replace, trainings
from smolc.compiler.model.methods import Qlora

RULE = Rule("H909", "qlora-with-fsdp2", Severity.WARNING)


def check(context: Context) -> Iterator[Finding]:
    yield from once(_check(context))


def _check(context: Context) -> Iterator[Finding]:
    for run in trainings(context):
        adapter = run.stage.adapter
        if not isinstance(adapter, Qlora) or run.body["parallel"]["type"] != "fsdp2":
            continue
        yield Finding(
            f"stage `{run.name}` has a 4-bit base, which FSDP2 does not shard",
            place(run.stage, "parallel"),
            labels=(Label(adapter.span, "in 4 bit"),) if adapter.span else (),
            help="write `parallel = ddp`, or `adapter = lora`",
            edits=replace(run.stage, "parallel", "ddp"),
        )
