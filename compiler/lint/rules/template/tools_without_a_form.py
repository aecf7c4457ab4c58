"""Tools that the template cannot write

## What it does

Looks for SFT sources with a column of tools (`messages(tools = ...)`) in stages whose template has no form for
tools: `chatml` and `smollm2` among the shipped ones, and texts that never mention `tools`.

## Why is this bad?

The shipped templates refuse a row with tools that they cannot write, and the data job stops. Another template
leaves them out without a word, and the model is trained to call functions that nobody told it of. Tools are one
of the four questions that the Smol Training Playbook asks of a chat template (system prompt, tools, reasoning,
parsers).

Source: Smol Training Playbook, post-training chapter (chat template).

## Wrong

```
dataset calls { path = "calls.jsonl" ; format = messages(tools = "tools") }
template chat { builtin = chatml }
```

## Right

```
dataset calls { path = "calls.jsonl" ; format = messages(tools = "tools") }
template chat { builtin = smollm3 }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Label, Severity
from smolc.compiler.lint.chats import template_for
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.sources import sources
from smolc.compiler.model.formats import Messages, Sharegpt
from smolc.compiler.model.methods import Sft

RULE = Rule("T118", "tools-without-a-form", Severity.ERROR)
WITHOUT = ("chatml", "smollm2", "gemma", "phi", "zephyr")
"""Shipped templates that refuse rows with tools."""


def check(context: Context) -> Iterator[Finding]:
    seen = set()
    for name, stage in context.recipe.stages.items():
        if not isinstance(stage.method, Sft):
            continue
        for source in sources(stage, context):
            form = source.dataset.format
            if not isinstance(form, (Messages, Sharegpt)) or form.tools is None or source.name in seen:
                continue
            one = template_for(name, stage, context)
            builtin = one.declared.builtin if one is not None and one.declared is not None else None
            if one is None or (builtin not in WITHOUT if builtin is not None else "tools" in one.text):
                break
            seen.add(source.name)
            there = one.template.span
            yield Finding(
                f"`{source.name}` has a column of tools, and {one.template.name} of stage `{name}` has no form for them",
                form.span_of("tools"),
                labels=(Label(there, "cannot write tools"),) if there else (),
                help="use `builtin = smollm3`, `qwen3`, `llama3` or `mistral`, or leave `tools` out of the format",
            )
