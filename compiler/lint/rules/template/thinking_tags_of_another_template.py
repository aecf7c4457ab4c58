"""Thinking tags that the template does not write

## What it does

Looks for templates whose text writes `<think>` while the recipe names other tags (`thinking = tags(...)`).

## Why is this bad?

Evals take what stands between the tags out of the answer before it is scored. With the wrong tags nothing is
taken out, and the chain of thought is scored with the answer: IFEval counts its words, and a number that was
considered and thrown away passes for the answer (lm-eval#3080). The Smol Training Playbook strips it always.

Source: lm-eval#3080; Smol Training Playbook, post-training chapter (evals).

## Wrong

```
template chat { builtin = smollm3 ; thinking = tags("<thought>", "</thought>") }
```

## Right

```
template chat { builtin = smollm3 ; thinking = tags("<think>", "</think>") }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Edit, Label, Severity
from smolc.compiler.lint.chats import OPEN, TAGS, used
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule

RULE = Rule("T111", "thinking-tags-of-another-template", Severity.WARNING)


def check(context: Context) -> Iterator[Finding]:
    for one in used(context):
        tags = one.declared.thinking if one.declared is not None else None
        if tags is None or OPEN not in one.text or tags.open in one.text:
            continue
        there = one.template.span
        yield Finding(
            f'{one.template.name} writes {OPEN}, and its `thinking` says "{tags.open}"',
            tags.span,
            labels=(Label(there, f"writes {OPEN}"),) if there and there is not tags.span else (),
            notes=("what stands between the tags is taken out of answers before they are scored",),
            help=f"write `{TAGS}`",
            edits=(Edit(tags.span, TAGS),) if tags.span else (),
        )
