"""An attention kernel that cannot do what a stage asks of it

## What it does

Looks at models with `attention = varlen` or `flash_attention_2`, `_3` or `_4` whose stages compute in fp32, or
are planned on CPUs, or on GPUs that the kernel is not written for.

## Why is this bad?

These kernels compute in half precision and on GPUs only. FlashAttention 3 is written for Hopper (H100, H200), 4
for Hopper and Blackwell. The job refuses to start, after the data has been prepared. Kernels that quietly do
something else are worse: packed rows that see each other because a mask switched the right kernel off
(transformers#46634). `auto`, the default, takes the fastest that fits each stage.

## Wrong

```
model base { hub = "some/model" ; attention = varlen }
stage dpo { init = base ; method = dpo ; data = pairs ; precision = fp32 }
```

## Right

```
model base { hub = "some/model" }
stage dpo { init = base ; method = dpo ; data = pairs ; precision = fp32 }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Label, Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.training import BEFORE_AMPERE, Training, gpu_of, named, once, replace, trainings
from smolc.compiler.plan.cluster import GPUS

RULE = Rule("H911", "attention-cannot-run", Severity.ERROR)
FLASH = ("varlen", "flash_attention_2", "flash_attention_3", "flash_attention_4")
HOPPER = frozenset({"gh200", "h100", "h200"})
WRITTEN_FOR = {"flash_attention_3": HOPPER, "flash_attention_4": HOPPER | {"b200"}}
"""Of the GPUs that we know; those before Ampere have a rule of their own."""


def check(context: Context) -> Iterator[Finding]:
    yield from once(_check(context))


def _check(context: Context) -> Iterator[Finding]:
    for run in trainings(context):
        attention = run.model.attention
        if attention not in FLASH:
            continue
        key, why = _why(run, gpu_of(run.cluster, context.recipe))
        if why is None:
            continue
        there = run.stage.span_of(key) if run.stage.given(key) else run.stage.span
        yield Finding(
            f"`attention = {attention}` cannot run stage `{run.name}`: {why}",
            run.model.span_of("attention"),
            labels=(Label(there, "here"),) if there else (),
            help="write `attention = auto`, which takes the fastest that fits each stage",
            edits=replace(run.model, "attention", "auto"),
        )


def _why(run: Training, gpu: str | None) -> tuple[str, str | None]:
    """The key of the stage that it cannot do, and why."""
    attention = run.model.attention
    if run.cluster.device == "cpu":
        return "on", f"`{run.cluster.name}` has no GPU"
    if run.body["precision"] == "fp32":
        return "precision", "it computes in half precision only"
    if gpu in GPUS and gpu not in BEFORE_AMPERE and gpu not in WRITTEN_FOR.get(attention, GPUS):
        return "on", f"it is not written for {named(gpu)}"
    return "", None
