"""ZeRO-3 for what fits on one device

## What it does

Looks for stages with `zero(stage = 3)` on several GPUs where `auto` would take DDP: whose weights, gradients and
optimiser take less than 30% of one GPU, or with the frozen weights below their adapter less than 60%.

## Why is this bad?

ZeRO-3 gathers every layer's weights from all devices, in each pass, so it pays in time for memory that is not
needed. On two H200s, a 3B model of fp32 master weights with two rows a pass: 20,730 tokens per second and GPU with
ZeRO-3, 22,995 with FSDP2; 22,931 with DDP and one row. (Where the memory that is saved makes room for larger micro
batches, sharding wins: with four rows 23,462 and 25,001.) And ZeRO-3 is how LoRA runs came to save empty adapters
(trl#4416).
"For small models or those trained with LoRA, you can usually get by with data parallel", says the Smol
Training Playbook.

## Wrong

```
cluster node { gpus = 8 ; gpu = "h100" ; memory = 80GiB }
model base { hub = "some/Model-8B" }
stage sft { init = base ; method = sft ; data = chats ; adapter = lora ; parallel = zero(stage = 3) ; on = node }
```

## Right

```
cluster node { gpus = 8 ; gpu = "h100" ; memory = 80GiB }
model base { hub = "some/Model-8B" }
stage sft { init = base ; method = sft ; data = chats ; adapter = lora ; parallel = auto ; on = node }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.memory import GIB
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.training import once, place, replace, trainings
from smolc.compiler.plan.defaults import ddp_pays
from smolc.compiler.plan.size import training_bytes

RULE = Rule("H904", "zero3-where-ddp-fits", Severity.INFO)


def check(context: Context) -> Iterator[Finding]:
    yield from once(_check(context))


def _check(context: Context) -> Iterator[Finding]:
    for run in trainings(context):
        parallel = run.body["parallel"]
        if parallel["type"] != "zero" or parallel["stage"] != 3 or parallel["offload"] != "none":
            continue
        if not run.on_gpus or run.cluster.world_size == 1:
            continue
        need = training_bytes(run.model, run.stage)
        if need is None or not ddp_pays(run.stage, run.model, run.cluster):
            continue
        yield Finding(
            f"stage `{run.name}` shards with ZeRO-3 what takes {need / GIB:,.0f} of a GPU's "
            f"{run.cluster.memory / GIB:,.0f} GiB",
            place(run.stage, "parallel"),
            notes=(
                "measured with 3B on two GPUs and two rows a pass: ZeRO-3 had 90% of DDP's tokens per second",
            ),
            help="write `parallel = auto`",
            edits=replace(run.stage, "parallel", "auto"),
        )
