"""A merge of stages that were trained with different chat templates

## What it does

Looks for merges of stages that were trained on conversations in different templates, where the text of both is known.

## Why is this bad?

The merged model is prompted in one template, that of its first input (or of `like`). The other input has learnt to answer
after other markers and to end its turns with another token, and what it adds is trained for prompts that never come:
half-known markers, turns that do not stop. Where the other part is small and meant for something else it can pay: a
tenth of SmolLM3 is a mid-training checkpoint in another template, for long contexts.

Source: Smol Training Playbook, post-training chapter.

## Wrong

```
template a { builtin = chatml }
template b { builtin = llama3 }
stage one { init = base ; method = sft ; data = chats ; template = a }
stage two { init = base ; method = sft ; data = chats ; template = b }
merge both { of = [one, two] }
```

## Right

```
template a { builtin = chatml }
stage one { init = base ; method = sft ; data = chats ; template = a }
stage two { init = base ; method = sft ; data = chats ; template = a }
merge both { of = [one, two] }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Label, Severity
from smolc.compiler.lint.chats import template_for
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.model.merge import behind
from smolc.compiler.model.methods import Cpt
from smolc.compiler.model.types import Link

RULE = Rule("M004", "merge-of-different-templates", Severity.INFO)


def check(context: Context) -> Iterator[Finding]:
    for name, merge in context.recipe.merges.items():
        known = [(link, text, shown) for link in merge.of for text, shown in _template(link, context)]
        if not known:
            continue
        first, text, shown = known[0]
        for link, other, called in known[1:]:
            if other != text:
                yield Finding(
                    f"merge `{name}` is of stages with different templates: `{first}` was trained with {shown}, "
                    f"`{link}` with {called}",
                    link.span,
                    labels=(Label(first.span, f"with {shown}"),),
                    notes=("it is prompted in one of them, after which the other has never answered",),
                    help="train both with one template before they are merged",
                )
                break


def _template(link: Link, context: Context) -> Iterator[tuple[str, str]]:
    """The text that a stage was trained with and what it is called, where there is one and it is known here."""
    stage = context.recipe.stages.get(behind(link.name, context.recipe))
    if stage is None or isinstance(stage.method, Cpt):
        return
    used = template_for(behind(link.name, context.recipe), stage, context)
    if used is not None:
        yield used.text, used.template.name
