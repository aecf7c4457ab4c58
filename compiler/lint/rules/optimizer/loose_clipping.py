"""Gradients that are hardly clipped

## What it does

Looks for stages whose `clip` is 10 or more.

## Why is this bad?

The norm of a healthy gradient in fine-tuning is around 1 and below, so a limit of 10 lets every spike
through, and one bad batch can undo hours. SmolLM3's published stages clip at 0.2 (Smol Training Playbook),
the default here is 1. Turned off on purpose is fine, which is why this is information only: then say so in a
suppression, for whoever looks for the cause of a spike later.

Source: Smol Training Playbook, post-training chapter (SmolLM3's recipes).

## Wrong

```
stage sft { init = base ; method = sft ; data = chats ; optim = adamw(lr = 1e-5, clip = 100) }
```

## Right

```
stage sft { init = base ; method = sft ; data = chats ; optim = adamw(lr = 1e-5, clip = 1.0) }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.training import each_run, once, replace

RULE = Rule("O409", "loose-clipping", Severity.INFO)
LOOSE = 10


def check(context: Context) -> Iterator[Finding]:
    yield from once(_check(context))


def _check(context: Context) -> Iterator[Finding]:
    for name, stage in each_run(context):
        if stage.optim.clip < LOOSE:
            continue
        yield Finding(
            f"stage `{name}` lets gradients through up to a norm of {stage.optim.clip:g}",
            stage.optim.span_of("clip"),
            notes=("a spike is a few times the usual norm, which is around 1",),
            help="write `clip = 1.0`; SmolLM3 was trained with 0.2",
            edits=replace(stage.optim, "clip", "1.0"),
        )
