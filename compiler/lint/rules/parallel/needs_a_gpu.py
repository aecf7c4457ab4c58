"""Something that runs on GPUs only, planned on CPUs

## What it does

Looks for stages planned on CPUs with `precision = fp16`, `kernels = liger` or `compiled`, `adapter = qlora` or
`optim = adamw_8bit`.

## Why is this bad?

Liger's kernels and compiled layers are Triton's, 4-bit weights and the optimiser's 8-bit states are bitsandbytes',
fp16 training needs a GPU's loss scaling: none of them runs on a CPU, and the job stops when it starts.
`use_liger_kernel=True` failed without a GPU in the
trainers too (transformers#32861). What a laptop and a cluster should both run is better left to `auto`.

## Wrong

```
cluster laptop { processes = 1 }
stage sft { init = base ; method = sft ; data = chats ; on = laptop ; kernels = liger }
```

## Right

```
cluster laptop { processes = 1 }
stage sft { init = base ; method = sft ; data = chats ; on = laptop }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.training import Training, once, place, replace, trainings

RULE = Rule("H916", "needs-a-gpu", Severity.ERROR)
INSTEAD = {"precision": "bf16", "kernels": "auto", "adapter": "lora", "optim": "adamw"}


def check(context: Context) -> Iterator[Finding]:
    yield from once(_check(context))


def _check(context: Context) -> Iterator[Finding]:
    for run in trainings(context):
        if run.cluster.device != "cpu":
            continue
        for key, value in _found(run):
            whole = isinstance(getattr(run.stage, key), str)  # a call's other values would be lost
            edits = replace(run.stage, key, INSTEAD[key]) if whole else ()
            yield Finding(
                f"stage `{run.name}` runs on the CPUs of `{run.cluster.name}`, and `{value}` needs a GPU",
                place(run.stage, key),
                help=f"write `{key} = {INSTEAD[key]}`, or say where it runs: `--on 8xh100`",
                edits=edits,
            )


def _found(run: Training) -> Iterator[tuple[str, str]]:
    if run.body["precision"] == "fp16":
        yield "precision", "fp16"
    if run.body["kernels"] in ("liger", "compiled"):
        yield "kernels", run.body["kernels"]
    if run.body["adapter"]["type"] == "qlora":
        yield "adapter", "qlora"
    if run.body["optimizer"]["type"] == "adamw_8bit":
        yield "optim", "adamw_8bit"
