"""A column of template variables that the template does not read

## What it does

Looks for SFT sources with `messages(template_kwargs = ...)` in stages with a shipped template that reads no
variables: `chatml`, `smollm2` and `llama3`.

## Why is this bad?

What the rows say of themselves (to think or not, the instructions of the system prompt) is dropped, and nothing
shows it. In the Smol Training Playbook one line, `custom_instructions = None`, silently deleted every system
prompt, and no eval moved: it was found by talking to the model.

Source: Smol Training Playbook, post-training chapter (chat template).

## Wrong

```
dataset chats { path = "chats.jsonl" ; format = messages(template_kwargs = "chat_template_kwargs") }
template chat { builtin = chatml }
```

## Right

```
dataset chats { path = "chats.jsonl" ; format = messages(template_kwargs = "chat_template_kwargs") }
template chat { builtin = smollm3 }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Label, Severity
from smolc.compiler.lint.chats import declared_for
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.sources import sources
from smolc.compiler.model.formats import Messages
from smolc.compiler.model.methods import Sft

RULE = Rule("T119", "template-variables-ignored", Severity.WARNING)
WITHOUT = ("chatml", "smollm2", "llama3", "gemma", "mistral", "phi", "zephyr")
"""Shipped templates that read nothing but messages and tools."""


def check(context: Context) -> Iterator[Finding]:
    seen = set()
    for name, stage in context.recipe.stages.items():
        declared = declared_for(stage, context.recipe)
        if declared is None or declared.builtin not in WITHOUT or not isinstance(stage.method, Sft):
            continue
        for source in sources(stage, context):
            form = source.dataset.format
            if not isinstance(form, Messages) or form.template_kwargs is None or source.name in seen:
                continue
            seen.add(source.name)
            there = declared.span_of("builtin")
            yield Finding(
                f"the rows of `{source.name}` have variables for the template, and stage `{name}` renders them "
                f"with {declared.builtin}, which reads none",
                form.span_of("template_kwargs"),
                labels=(Label(there, "reads messages only"),) if there else (),
                help="use `builtin = smollm3` or `qwen3`, or leave `template_kwargs` out",
            )
