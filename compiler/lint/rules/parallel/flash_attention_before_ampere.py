"""FlashAttention on a GPU that is too old for it

## What it does

Where the GPU is a T4, V100 or another from before Ampere, looks for models with `attention = varlen` or one of
`flash_attention_2`, `_3` and `_4`. `auto` takes sdpa there.

## Why is this bad?

"FlashAttention only supports Ampere GPUs or newer": the first forward pass ends with it, when everything is
prepared and loaded. It is among the most frequent reports there are, mostly of T4s and V100s
(flash-attention#762, LlamaFactory#3508).

## Wrong

```
cluster old { gpus = 4 ; gpu = "v100" ; memory = 32GiB }
model base { hub = "some/model" ; attention = flash_attention_2 }
stage sft { init = base ; method = sft ; data = chats ; on = old }
```

## Right

```
cluster old { gpus = 4 ; gpu = "v100" ; memory = 32GiB }
model base { hub = "some/model" ; attention = sdpa }
stage sft { init = base ; method = sft ; data = chats ; on = old }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Label, Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.training import BEFORE_AMPERE, gpu_of, named, once, place_of_gpu, replace, trainings

RULE = Rule("H912", "flash-attention-before-ampere", Severity.ERROR)
FLASH = ("varlen", "flash_attention_2", "flash_attention_3", "flash_attention_4")


def check(context: Context) -> Iterator[Finding]:
    yield from once(_check(context))


def _check(context: Context) -> Iterator[Finding]:
    for run in trainings(context):
        gpu = gpu_of(run.cluster, context.recipe)
        if gpu not in BEFORE_AMPERE or run.body["precision"] == "fp32":
            continue
        attention = run.model.attention
        if attention not in FLASH:
            continue
        there = place_of_gpu(run.cluster, context.recipe)
        yield Finding(
            f"`attention = {attention}` for stage `{run.name}`, and {named(gpu)} is too old for FlashAttention",
            run.model.span_of("attention"),
            labels=(Label(there, "the GPU"),) if there else (),
            help="write `attention = sdpa` in the model",
            edits=replace(run.model, "attention", "sdpa"),
        )
