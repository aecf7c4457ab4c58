"""8-bit AdamW with FSDP2

## What it does

Looks for stages with `adamw_8bit` that are planned with FSDP2, whether the recipe says so or `parallel = auto`
chose it.

## Why is this bad?

bitsandbytes' kernels know nothing of FSDP2's sharded tensors: they read memory that is not theirs ("illegal
memory access", bitsandbytes#1633; with FSDP1 it never worked either, bitsandbytes#89). Axolotl rejects the
pair. FSDP2 divides the states among all devices anyway, so on eight of them AdamW's 8 bytes a parameter are 1.

## Wrong

```
cluster node { gpus = 8 }
stage sft { init = base ; method = sft ; data = chats ; optim = adamw_8bit ; parallel = fsdp2 ; on = node }
```

## Right

```
cluster node { gpus = 8 }
stage sft { init = base ; method = sft ; data = chats ; optim = adamw ; parallel = fsdp2 ; on = node }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.training import once, place, trainings
from smolc.compiler.model.methods import Adamw8bit

RULE = Rule("H910", "adamw-8bit-with-fsdp2", Severity.ERROR)


def check(context: Context) -> Iterator[Finding]:
    yield from once(_check(context))


def _check(context: Context) -> Iterator[Finding]:
    for run in trainings(context):
        if not isinstance(run.stage.optim, Adamw8bit) or run.body["parallel"]["type"] != "fsdp2":
            continue
        given = run.stage.given("parallel")
        yield Finding(
            f"stage `{run.name}` is planned with FSDP2, whose tensors 8-bit AdamW cannot update",
            place(run.stage, "optim"),
            notes=()
            if given
            else ("FSDP2 is what `parallel = auto` takes unless it knows that the model fits",),
            help="write `optim = adamw(lr = ...)`: sharded over the devices, its states are small"
            + ("" if given else "; or `parallel = ddp`, if the model fits on each"),
        )
