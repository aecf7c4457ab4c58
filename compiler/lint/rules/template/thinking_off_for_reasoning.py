"""Reasoning data with thinking switched off

## What it does

Looks for templates with `enable_thinking = false` in stages that train on sources whose names end in `_think`,
unless each row says itself what it is (`template_kwargs`). Templates that do not know the switch have a rule of
their own, `enable-thinking-without-effect`.

## Why is this bad?

With the switch off, a template writes the answer without its chain of thought: the reasoning is in the data and
in its name, and no token of it is trained. The Smol Training Playbook mixes both kinds in one stage and lets
every row say which it is; SmolLM3's data has a column for that.

Source: Smol Training Playbook, post-training chapter (chat template).

## Wrong

```
dataset traces_think { path = "traces.jsonl" }
template chat { builtin = smollm3 ; enable_thinking = false }
```

## Right

```
dataset traces_think { path = "traces.jsonl" ; format = messages(template_kwargs = "chat_template_kwargs") }
template chat { builtin = smollm3 ; thinking = tags("<think>", "</think>") }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Label, Severity
from smolc.compiler.lint.chats import declared_for, template_for
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.sources import Source, reasons, sources
from smolc.compiler.model.formats import Messages
from smolc.compiler.model.methods import Cpt

RULE = Rule("T116", "thinking-off-for-reasoning", Severity.WARNING)


def check(context: Context) -> Iterator[Finding]:
    for name, stage in context.recipe.stages.items():
        declared = declared_for(stage, context.recipe)
        if declared is None or declared.enable_thinking is not False or isinstance(stage.method, Cpt):
            continue
        source = next((s for s in sources(stage, context) if _thinks(s)), None)
        one = template_for(name, stage, context) if source is not None else None
        if source is None or one is None or "enable_thinking" not in one.text:
            continue
        yield Finding(
            f"stage `{name}` trains on `{source.shown}` with thinking switched off: its reasoning is left out",
            source.span,
            labels=(Label(span, "said here"),) if (span := declared.span_of("enable_thinking")) else (),
            help="leave `enable_thinking` out, or let rows say it: `messages(template_kwargs = COLUMN)`",
        )


def _thinks(source: Source) -> bool:
    form = source.dataset.format
    return reasons(source) and not (isinstance(form, Messages) and form.template_kwargs is not None)
