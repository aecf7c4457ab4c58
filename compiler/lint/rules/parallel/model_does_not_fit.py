"""A model that does not fit on the cluster

## What it does

Adds up weights, gradients and optimiser states of each run as it is spread over its devices, and compares them
with the memory of one GPU. The model's size is counted where it is made from scratch and otherwise read from
its name (`SmolLM3-3B`). These are lower bounds: activations come on top.

## Why is this bad?

Out of memory is found when everything is prepared, queued and loaded. Full fine-tuning with AdamW takes 16
bytes a parameter before a single activation, so DDP, which keeps all of it on every device, ends at about 5B
parameters on 80 GB. A memory estimate has long been asked for (axolotl#848), and so has what a frozen reference
takes beside the model (LlamaFactory#3716, alignment-handbook#22): nothing here, since it is gone when training begins.

For larger models the Smol Training Playbook shards weights and optimiser with FSDP2 or ZeRO-3.

## Wrong

```
cluster node { gpus = 8 ; gpu = "h100" ; memory = 80GiB }
model base { hub = "some/Model-8B" }
stage sft { init = base ; method = sft ; data = chats ; parallel = ddp ; on = node }
```

## Right

```
cluster node { gpus = 8 ; gpu = "h100" ; memory = 80GiB }
model base { hub = "some/Model-8B" }
stage sft { init = base ; method = sft ; data = chats ; parallel = fsdp2 ; on = node }
```
"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

from smolc.compiler.diagnostics import Edit, Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.memory import GIB, needed
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.training import Training, once, place, trainings
from smolc.compiler.model.methods import Ddp, Full

RULE = Rule("H901", "model-does-not-fit", Severity.WARNING)


def check(context: Context) -> Iterator[Finding]:
    yield from once(_check(context))


def _check(context: Context) -> Iterator[Finding]:
    for run in trainings(context):
        memory = run.cluster.memory
        need = needed(run) if run.on_gpus else None
        if need is None or need <= memory:
            continue
        stage, sharded, whole = run.stage, needed(run, kind="fsdp2"), needed(run, 1, "fsdp2")
        assert sharded is not None and whole is not None
        help = f"it takes {ceil(whole / memory)} such GPUs or more"
        if isinstance(stage.adapter, Full):
            help += ", or an adapter: `adapter = lora`"
        edits: tuple[Edit, ...] = ()
        if sharded <= memory:
            help = "write `parallel = fsdp2`, which shards them over all devices"
            span = stage.span_of("parallel")
            edits = (Edit(span, "fsdp2"),) if span and isinstance(stage.parallel, Ddp) else ()
        yield Finding(
            f"stage `{run.name}` needs {need / GIB:,.0f} GiB on each device, and a GPU has {memory / GIB:,.0f}",
            place(stage, "parallel" if stage.given("parallel") else "adapter"),
            notes=(f"{_said(run)}, without activations",),
            help=help,
            edits=edits,
        )


def _said(run: Training) -> str:
    kind = run.body["parallel"]["type"]
    spread = {"ddp": "all of it on every device", "fsdp2": "sharded over all devices"}
    what = "weights, gradients and optimiser" if isinstance(run.stage.adapter, Full) else "frozen weights"
    return f"{what}, {spread.get(kind, 'as ZeRO spreads them')}"
