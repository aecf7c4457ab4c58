"""A chat template that drops system prompts

## What it does

Looks for templates with a branch for the user and one for the assistant, none for `system`, no `else`, and no
role that is written as it comes: a system message falls through all of them.

## Why is this bad?

The model never sees a system prompt and learns to do without, whatever the data and its users say. In the Smol
Training Playbook one line, `custom_instructions = None`, silently deleted every system prompt; no eval moved,
and it was found by talking to the model. That system prompts can be set is the first thing to decide about a
template there.

Source: Smol Training Playbook, post-training chapter (chat template).

## Wrong

```
{% if m.role == "user" %}User: {{ m.content }}{% elif m.role == "assistant" %}Bot: {{ m.content }}{% endif %}
```

## Right

```
{% if m.role == "system" %}{{ m.content }}{% elif m.role == "user" %}User: {{ m.content }}{% endif %}
```
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity
from smolc.compiler.lint.chats import used
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule

RULE = Rule("T120", "system-prompt-dropped", Severity.WARNING)
_CATCHES = re.compile(r"\{%[-+]?\s*else\b|\{\{[^{}]*\brole\b|system|developer")
_USER = re.compile(r"==\s*['\"]user['\"]")
_ASSISTANT = re.compile(r"==\s*['\"]assistant['\"]")


def check(context: Context) -> Iterator[Finding]:
    for one in used(context):
        if _USER.search(one.text) and _ASSISTANT.search(one.text) and not _CATCHES.search(one.text):
            yield Finding(
                f"{one.template.name} writes what user and assistant say, and drops every system prompt",
                one.template.span,
                notes=("in the playbook all system prompts were lost once, and no eval showed it",),
                help='add a branch for `role == "system"`, or write roles as they come: `{{ m.role }}`',
            )
