"""Conversations of which only the last turn is trained

## What it does

Looks for `sft(loss_on = completion)` on sources with whole conversations (`format = messages`).

## Why is this bad?

The completion of a conversation is its last turn: what the assistant said before is context only. This is advice,
since it is what is wanted for single questions, or where a template has no marks (trl#4879); but most chat data
has several turns, and what the Smol Training Playbook measured when it masked user turns (IFEval +4.5) is a
loss on all that the assistant says.

Source: Smol Training Playbook, post-training chapter (masking user turns); trl#4879.

## Wrong

```
dataset chats { path = "chats.jsonl" ; format = messages }
stage sft { init = base ; method = sft(loss_on = completion) ; data = chats }
```

## Right

```
dataset chats { path = "chats.jsonl" ; format = messages }
stage sft { init = base ; method = sft(loss_on = assistant) ; data = chats }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Label, Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.sources import sources
from smolc.compiler.model.formats import Messages, Sharegpt
from smolc.compiler.model.methods import Sft

RULE = Rule("T122", "conversations-trained-by-their-end", Severity.INFO)


def check(context: Context) -> Iterator[Finding]:
    for name in context.recipe.stages:
        for stage in context.runs(name):
            method = stage.method
            if not isinstance(method, Sft) or method.loss_on != "completion":
                continue
            chats = (s for s in sources(stage, context) if isinstance(s.dataset.format, (Messages, Sharegpt)))
            source = next(chats, None)
            if source is None:
                continue
            yield Finding(
                f"of the conversations of `{source.shown}` stage `{name}` trains the last turn only",
                method.span_of("loss_on"),
                labels=(Label(source.span, "conversations"),) if source.span else (),
                help="write `loss_on = assistant` to train all that the assistant says",
            )
            break
