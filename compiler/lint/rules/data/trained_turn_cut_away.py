"""Truncation that takes away what is trained

## What it does

Looks for SFT stages that train the last turn only (`loss_on = last_turn` or `completion`) and cut rows that
are too long (`overlong = truncate`).

## Why is this bad?

Rows are cut at their end, and the end is all that such a stage trains. Of a long conversation the prompt
stays and the answer goes: the row trains on the beginning of an answer, without its end of turn, or on
nothing. In TRL the assistant's span was cut away like this and the loss looked fine (trl#3927); completions
that were gone altogether gave NaN (trl#5826).

Source: trl#3927, trl#5826.

## Wrong

```
stage sft { init = base ; method = sft(loss_on = last_turn) ; data = chats ; overlong = truncate }
```

## Right

```
stage sft { init = base ; method = sft(loss_on = last_turn) ; data = chats ; overlong = drop }
```

With `loss_on = assistant` a conversation is cut where a turn ends, and the turns before it are trained.
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Edit, Label, Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.model.methods import Sft

RULE = Rule("D220", "trained-turn-cut-away", Severity.WARNING)


def check(context: Context) -> Iterator[Finding]:
    for name in context.recipe.stages:
        for stage in context.runs(name):
            method = stage.method
            if stage.overlong != "truncate" or not isinstance(method, Sft):
                continue
            if method.loss_on not in ("last_turn", "completion"):
                continue
            span, loss = stage.span_of("overlong"), method.span_of("loss_on")
            yield Finding(
                f"stage `{name}` trains the end of each row, and cuts it off where a row is too long",
                span,
                labels=(Label(loss, "only this is trained"),) if loss else (),
                help="write `overlong = drop`, which the report counts, or raise the packing's `length`",
                edits=(Edit(span, "drop"),) if span and span.text == "truncate" else (),
            )
            break
