"""Reasoning in a template that has no form for it

## What it does

Looks for SFT stages that train on sources whose names end in `_think` with a template that neither writes
`<think>` nor declares `thinking` tags.

## Why is this bad?

Where the reasoning stands in a field of its own, such a template leaves it out or refuses the row; where it
stands in the text, it is trained, but no eval can take it out of what is scored. Whether the model reasons, and
how its readers tell, is the third of the four questions that the Smol Training Playbook asks of a template
(system prompt, tools, reasoning, parsers), and it keeps the reasoning in every turn that is trained.

Source: Smol Training Playbook, post-training chapter (chat template).

## Wrong

```
template chat { builtin = chatml }
stage sft { init = base ; method = sft ; data = traces_think ; template = chat }
```

## Right

```
template chat { builtin = smollm3 ; thinking = tags("<think>", "</think>") }
stage sft { init = base ; method = sft ; data = traces_think ; template = chat }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Label, Severity
from smolc.compiler.lint.chats import OPEN, TAGS, template_for
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.sources import reasons, sources
from smolc.compiler.model.methods import Sft

RULE = Rule("T113", "reasoning-without-a-form", Severity.WARNING)


def check(context: Context) -> Iterator[Finding]:
    for name, stage in context.recipe.stages.items():
        if not isinstance(stage.method, Sft):
            continue
        source = next((s for s in sources(stage, context) if reasons(s)), None)
        one = template_for(name, stage, context) if source is not None else None
        if source is None or one is None or OPEN in one.text:
            continue
        declared = one.declared
        own_form = "reasoning" in one.text and (declared is None or declared.builtin is None)
        if own_form or (declared is not None and declared.thinking is not None):
            continue
        there = one.template.span
        yield Finding(
            f"`{source.shown}` holds chains of thought, and {one.template.name} of stage `{name}` has no form for them",
            source.span,
            labels=(Label(there, "writes no reasoning"),) if there else (),
            help=f"use `builtin = smollm3` or `qwen3`, with `thinking = {TAGS}`; if the text itself holds tags,\n"
            "name them: `thinking = tags(...)`",
        )
