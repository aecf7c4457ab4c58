"""A batch as small as what one device takes

## What it does

Looks for stages that do not pack and whose batch is 4 sequences or less (with an adapter: 1).
Runs of at most 50 steps only try something out, and are left alone.

## Why is this bad?

Here `batch` is everything that an optimiser step learns from, on all devices and over all accumulation steps.
Elsewhere the number in a recipe is per device, and the product decides: 16 on eight GPUs is 128 (LLaVA#360).
What it had been had to be asked for (512 for SFT, 32 for DPO: alignment-handbook#50), and it changed with the
number of GPUs (alignment-handbook#44). A number copied from such a file makes steps of a few conversations,
noisy ones, many of them. The Smol Training Playbook's baselines are 128 sequences for SFT and 32 pairs for
preferences.

Source: Smol Training Playbook, post-training chapter.

## Wrong

```
stage sft { init = base ; method = sft ; data = chats ; batch = 4seq }    # per_device_train_batch_size: 4
```

## Right

```
stage sft { init = base ; method = sft ; data = chats ; batch = 128seq ; micro_batch = 4 }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.training import each_run, once, tried_out
from smolc.compiler.model.methods import Full
from smolc.compiler.plan.defaults import PREFERENCES

RULE = Rule("B303", "batch-like-per-device", Severity.WARNING)
FEW, FEW_WITH_ADAPTER = 4, 1


def check(context: Context) -> Iterator[Finding]:
    yield from once(_check(context))


def _check(context: Context) -> Iterator[Finding]:
    for name, stage in each_run(context):
        size = stage.batch
        if size is None or size.unit != "seq" or stage.packed or tried_out(stage):
            continue
        full = isinstance(stage.adapter, Full)
        if size.value > (FEW if full else FEW_WITH_ADAPTER):
            continue
        usual = "32seq" if isinstance(stage.method, PREFERENCES) else "128seq" if full else "16seq"
        yield Finding(
            f"stage `{name}` takes an optimiser step for every {size.value} sequence{'s'[: int(size.value) - 1]}",
            stage.span_of("batch"),
            notes=("`batch` counts all devices and all accumulation steps; `micro_batch` is per device",),
            help=f"multiply what you copied by devices and accumulation, or start with `batch = {usual}`",
        )
