"""A template that no stage renders with

## What it does

Looks for templates of the recipe itself (not of one that it extends) that no stage names.

## Why is this bad?

A stage without `template` goes on with that of the stage before it, or with the tokenizer's own: not with the
only one that the recipe declares. What was written down with care is then not what the model is trained on, as
with the keys that other tools ignored without a word (trl#3543), and the tokenizer's own template mostly does
not mark what is trained (trl#4879).

Source: trl#3543, trl#4879.

## Wrong

```
template chat { builtin = chatml }
stage sft { init = base ; method = sft ; data = chats }
```

## Right

```
template chat { builtin = chatml }
stage sft { init = base ; method = sft ; data = chats ; template = chat }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule

RULE = Rule("T121", "unused-template", Severity.WARNING)


def check(context: Context) -> Iterator[Finding]:
    recipe = context.recipe
    named = {stage.template.name for stage in recipe.stages.values() if stage.template is not None}
    for name in recipe.stages:
        named.update(run.template.name for run in context.runs(name) if run.template is not None)
    for name, template in recipe.templates.items():
        if name not in named and template.span and template.span.source is context.resolved.source:
            yield Finding(
                f"no stage renders with template `{name}`",
                template.span,
                help=f"write `template = {name}` in the stage that should, or take it out",
            )
