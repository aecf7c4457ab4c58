"""Preferences with another chat template than the stage before

## What it does

Compares the chat template that a preference stage names with that of the stage that it starts from, where the
text of both is known.

## Why is this bad?

The answers are compared under prompts that the model has not learnt to answer. Both sides lose probability
together, and what the loss moves first is the format, not the preference. Templates that render the same
conversation differently break training in subtler ways too: a prompt that is no prefix of prompt and answer
trains other tokens than are asked for (trl#5213, trl#6105). A stage without `template` goes on with the one
before it, which is what is meant.

Source: trl#5213, trl#6105.

## Wrong

```
stage sft { init = base ; method = sft ; data = chats ; template = smollm3 }
stage dpo { init = sft  ; method = dpo ; data = pairs ; template = chatml }
```

## Right

```
stage sft { init = base ; method = sft ; data = chats ; template = smollm3 }
stage dpo { init = sft  ; method = dpo ; data = pairs }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Edit, Label, Severity
from smolc.compiler.lint.chats import chatting_before
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.plan.defaults import PREFERENCES
from smolc.compiler.plan.templates import template_of

RULE = Rule("T109", "template-changes-before-preferences", Severity.WARNING)


def check(context: Context) -> Iterator[Finding]:
    recipe = context.recipe
    for name, stage in recipe.stages.items():
        if stage.template is None or not isinstance(stage.method, PREFERENCES):
            continue
        before = chatting_before(stage, recipe)
        earlier = template_of(recipe.stages[before], recipe) if before is not None else None
        if before is None or earlier == stage.template.name:
            continue
        here, there = context.template(stage), context.template(recipe.stages[before])
        if here.text is None or there.text is None or here.text == there.text:
            continue
        span = stage.span_of("template")
        yield Finding(
            f"stage `{name}` renders with {here.name}, and `{before}`, from which it starts, with {there.name}",
            span,
            labels=(Label(there.span, f"what `{before}` has learnt to answer"),) if there.span else (),
            help=f"leave `template` out: it goes on with that of `{before}`",
            edits=(Edit(span, earlier),) if span and earlier is not None else (),
        )
