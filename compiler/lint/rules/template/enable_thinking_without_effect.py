"""A switch that the template does not know

## What it does

Looks for templates with `enable_thinking` whose text never asks for it.

## Why is this bad?

A template ignores variables that it does not know, as other tools ignored keys that they did not know
(trl#3543): the model thinks although the recipe says that it does not, or the other way round, in training and
in every eval. Which mode the prompts are in decides the scores: the Smol Training Playbook's SFT model had 51.2 on
IFEval with thinking and 47.6 without, its APO model 69.4 and 71.6.

Source: trl#3543; Smol Training Playbook, post-training chapter.

## Wrong

```
template chat { builtin = chatml ; enable_thinking = false }
```

## Right

```
template chat { builtin = smollm3 ; enable_thinking = false }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Label, Severity
from smolc.compiler.lint.chats import used
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule

RULE = Rule("T115", "enable-thinking-without-effect", Severity.WARNING)


def check(context: Context) -> Iterator[Finding]:
    for one in used(context):
        declared = one.declared
        if declared is None or declared.enable_thinking is None or "enable_thinking" in one.text:
            continue
        there = one.template.span
        yield Finding(
            f"{one.template.name} does not know `enable_thinking`: it renders the same either way",
            declared.span_of("enable_thinking"),
            labels=(Label(there, "never asks for it"),) if there and not one.template.own else (),
            help="take it out, or use a template that knows it: `builtin = smollm3` or `qwen3`",
        )
