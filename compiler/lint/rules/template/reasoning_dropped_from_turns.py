"""A template that drops the reasoning of earlier turns

## What it does

For stages that train every turn of the assistant, looks for templates that take the chain of thought out of all
turns but the last (`last_query_index`, as in Qwen3's published template), or out of all of them (a `split` at
`</think>` without `enable_thinking`, as in DeepSeek-R1's). Only where something says that there is reasoning:
`thinking` tags, or a source whose name ends in `_think`.

## Why is this bad?

Published templates are written for inference, where old thoughts only cost context. In training they teach the
model to answer without thinking in every turn but the last. The Smol Training Playbook found that training
data must keep the reasoning in every turn. The rendered prompt of an earlier turn is no prefix of the
conversation either, which has broken masks elsewhere (trl#5213).

Source: Smol Training Playbook, post-training chapter (chat template); trl#5213.

## Wrong

```
{%- if loop.index0 > ns.last_query_index %}{{ "<think>" + reasoning + "</think>" }}{% endif %}
```

## Right

```
template chat { builtin = qwen3 ; thinking = tags("<think>", "</think>") }
```

The templates that smolc ships keep it; or train the last turn only, with `loss_on = last_turn`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from smolc.compiler.diagnostics import Label, Severity
from smolc.compiler.lint.chats import template_for
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.sources import reasons, sources
from smolc.compiler.model.methods import Sft
from smolc.compiler.plan.templates import template_of

RULE = Rule("T114", "reasoning-dropped-from-turns", Severity.WARNING)
_SPLIT = re.compile(r"split\(\s*['\"]</think>['\"]\s*\)\s*\[\s*-\s*1\s*\]")


def check(context: Context) -> Iterator[Finding]:
    seen = set()
    for name, stage in context.recipe.stages.items():
        label = template_of(stage, context.recipe)
        if label in seen or not isinstance(stage.method, Sft) or stage.method.loss_on != "assistant":
            continue
        one = template_for(name, stage, context)
        if one is None:
            continue
        dropped = _dropped(one.text)
        thinks = one.declared is not None and one.declared.thinking is not None
        if dropped is None or not (thinks or any(reasons(s) for s in sources(stage, context))):
            continue
        seen.add(label)
        loss = stage.method.span
        yield Finding(
            f"{one.template.name} takes the reasoning out of {dropped}, and stage `{name}` trains them all",
            one.template.span,
            labels=(Label(loss, "every turn of the assistant"),)
            if loss and loss is not one.template.span
            else (),
            notes=("the model is taught to answer without thinking wherever the template left it out",),
            help="use a shipped template, which keeps it (`builtin = qwen3` or `smollm3`), or `loss_on = last_turn`",
        )


def _dropped(text: str) -> str | None:
    """Of which turns a template leaves the reasoning out."""
    if "last_query_index" in text:
        return "all turns but the last"
    if "enable_thinking" not in text and _SPLIT.search(text):
        return "all turns"
    return None
