"""An end of turn that changes from one stage to the next

## What it does

Compares the end of turn of a `sft` stage that names a template with that of the stage that it starts from. For
preferences `template-changes-before-preferences` compares the whole template.

## Why is this bad?

Whatever the first stage taught about stopping is taught anew: the model ends some turns one way and some the
other, and generation stops at one of them. An end of turn that is rarely trained is the reason why models go on
to the limit while their loss looks healthy (axolotl#3754, trl#5988).

Source: axolotl#3754, trl#5988.

## Wrong

```
template plain { builtin = chatml }
template chat  { builtin = llama3 }
stage mid { init = base ; method = sft ; data = traces ; template = plain }
stage sft { init = mid  ; method = sft ; data = chats  ; template = chat }
```

## Right

```
template plain { builtin = chatml }
template chat  { builtin = smollm3 }
stage mid { init = base ; method = sft ; data = traces ; template = plain }
stage sft { init = mid  ; method = sft ; data = chats  ; template = chat }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Label, Severity
from smolc.compiler.lint.chats import chatting_before
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.model.methods import Sft

RULE = Rule("T110", "end-of-turn-changes", Severity.WARNING)


def check(context: Context) -> Iterator[Finding]:
    for name, stage in context.recipe.stages.items():
        if stage.template is None or not isinstance(stage.method, Sft):
            continue
        before = chatting_before(stage, context.recipe)
        if before is None:
            continue
        here, there = context.template(stage), context.template(context.recipe.stages[before])
        if here.end is None or there.end is None or here.end == there.end:
            continue
        yield Finding(
            f"turns end with {here.end} in stage `{name}`, and with {there.end} in `{before}` before it",
            stage.span_of("template"),
            labels=(Label(there.span, f"ends with {there.end}"),) if there.span else (),
            help=f"use a template that ends its turns with {there.end}, or the new one in both stages",
        )
