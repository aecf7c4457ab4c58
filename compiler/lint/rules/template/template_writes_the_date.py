"""A chat template that writes today's date

## What it does

Looks for `strftime_now` in the chat templates that stages train with.

## Why is this bad?

The same recipe then gives other tokens on another day. What was prepared is kept by a hash of what it was made
from, and the day is not in it; caches that are not keyed by all that they depend on have mixed old and new
before (axolotl#1265). The model is trained on one date and asked on another, and scores of two days are of two
prompts. The Smol Training Playbook's advice for evals is to look at the prompts: this is found there.

Source: axolotl#1265; Smol Training Playbook, post-training chapter (chat template, evals).

## Wrong

```
{{ "Today Date: " + strftime_now("%d %B %Y") }}
```

## Right

```
{{ "Today Date: " + (date or "26 July 2024") }}
```

or no date at all, as in the templates that smolc ships.
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity
from smolc.compiler.lint.chats import used
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule

RULE = Rule("T104", "template-writes-the-date", Severity.WARNING)


def check(context: Context) -> Iterator[Finding]:
    for one in used(context):
        if "strftime_now" in one.text and (one.declared is None or one.declared.today is None):
            yield Finding(
                f"{one.template.name} writes the date of the day on which stage `{one.stage}` is prepared",
                one.template.span,
                notes=("the same recipe gives other tokens tomorrow, and evals ask with other prompts",),
                help='say which in its `template` block, such as `today = "2025-06-30"`; shipped templates write none',
            )
