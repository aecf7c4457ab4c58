"""SFT that trains what the user says

## What it does

Looks for `sft` stages with `loss_on = all`. Stages with `wrapped` packing are left alone: that is continued
pretraining on conversations, which needs it.

## Why is this bad?

The model learns to write the user's turns too, and their tokens have a part in every update. Masking them was
worth 4.5 points of IFEval with thinking and 4.2 without in the Smol Training Playbook. It is not free
everywhere: GPQA lost 1.3 and 0.6, LiveCodeBench 3.0 with thinking.

Source: Smol Training Playbook, post-training chapter (masking user turns).

## Wrong

```
stage sft { init = base ; method = sft(loss_on = all) ; data = chats }
```

## Right

```
stage sft { init = base ; method = sft(loss_on = assistant) ; data = chats }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Edit, Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.model.methods import Sft, Wrapped

RULE = Rule("T112", "loss-on-everything", Severity.WARNING)


def check(context: Context) -> Iterator[Finding]:
    for name in context.recipe.stages:
        for stage in context.runs(name):
            method = stage.method
            if not isinstance(method, Sft) or method.loss_on != "all" or isinstance(stage.packing, Wrapped):
                continue
            span = method.span_of("loss_on")
            yield Finding(
                f"stage `{name}` trains what the user says as well as what the assistant answers",
                span,
                notes=("masking the user's turns was worth 4.5 points of IFEval in the playbook",),
                help="write `loss_on = assistant`; for continued pretraining pack as `wrapped`, or use `cpt`",
                edits=(Edit(span, "assistant"),) if span and span.text == "all" else (),
            )
            break
