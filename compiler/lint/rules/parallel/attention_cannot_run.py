"""An attention kernel that cannot do what a stage asks of it

## What it does

Looks at models with `attention = varlen` or `flash_attention_2` whose stages train preferences (varlen only),
compute in fp32, or are planned on CPUs.

## Why is this bad?

Both kernels compute in half precision and on GPUs only, and varlen takes rows laid end to end, which batches
of preferences are not: they are padded. The job refuses to start, after the data has been prepared. Kernels
that quietly do something else are worse: packed rows that see each other because a mask switched the right
kernel off (transformers#46634). `auto`, the default, takes the fastest that fits each stage.

## Wrong

```
model base { hub = "some/model" ; attention = varlen }
stage dpo { init = base ; method = dpo ; data = pairs }
```

## Right

```
model base { hub = "some/model" }
stage dpo { init = base ; method = dpo ; data = pairs }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Label, Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.training import Training, once, replace, trainings

RULE = Rule("H911", "attention-cannot-run", Severity.ERROR)
FLASH = ("varlen", "flash_attention_2")


def check(context: Context) -> Iterator[Finding]:
    yield from once(_check(context))


def _check(context: Context) -> Iterator[Finding]:
    for run in trainings(context):
        attention = run.model.attention
        if attention not in FLASH:
            continue
        key, why = _why(run)
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


def _why(run: Training) -> tuple[str, str | None]:
    """The key of the stage that it cannot do, and why."""
    if run.cluster.device == "cpu":
        return "on", f"`{run.cluster.name}` has no GPU"
    if run.body["precision"] == "fp32":
        return "precision", "it computes in half precision only"
    if run.model.attention == "varlen" and run.body["method"] not in ("cpt", "sft"):
        return "method", f"batches of {run.body['method']} are padded, and it takes no padding"
    return "", None
