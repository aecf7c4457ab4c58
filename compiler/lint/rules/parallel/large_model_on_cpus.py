"""A large model trained on CPUs

## What it does

Looks for training planned on CPUs of models with a billion parameters or more (counted, or read from the
model's name).

## Why is this bad?

The Smol Training Playbook's smallest useful SFT of a 3B model takes 30 to 90 minutes on eight H100s. On two
cores a step of 376 tokens of a model of 135M took 4.5 seconds: the same run would take the better part of a
year. To try a recipe out on a laptop, train a small model of the same family, or one from scratch.

Source: Smol Training Playbook, post-training chapter; measured with SmolLM2-135M on two CPU cores.

## Wrong

```
cluster laptop { processes = 1 }
model base { hub = "HuggingFaceTB/SmolLM3-3B-Base" }
stage sft { init = base ; method = sft ; data = chats ; on = laptop }
```

## Right

```
cluster laptop { processes = 1 }
model base { hub = "HuggingFaceTB/SmolLM2-135M" }
stage sft { init = base ; method = sft ; data = chats ; on = laptop }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.training import once, trainings
from smolc.compiler.plan.size import parameters

RULE = Rule("H921", "large-model-on-cpus", Severity.INFO)
LARGE = 1e9


def check(context: Context) -> Iterator[Finding]:
    yield from once(_check(context))


def _check(context: Context) -> Iterator[Finding]:
    for run in trainings(context):
        if run.cluster.device != "cpu":
            continue
        size = parameters(run.model)
        if size is None or size < LARGE:
            continue
        yield Finding(
            f"stage `{run.name}` trains {size / 1e9:.3g}B parameters on the CPUs of `{run.cluster.name}`",
            run.stage.span,
            notes=("a step of 376 tokens of a model of 135M takes 4.5 seconds on two cores",),
            help="run it on GPUs (`--on 8xh100`), or try it out with a small model",
        )
