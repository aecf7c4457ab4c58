"""No checkpoints are to be kept, and one is

## What it does

Looks for stages with `keep = 0`.

## Why is this bad?

A run that is interrupted goes on from its newest checkpoint, so one is always kept, and `keep = 0` is read as
`keep = 1`. What is asked for and what is done should be the same: elsewhere a 0 meant "every 500 steps" and
filled disks with checkpoints that nobody had asked for (unsloth#11232).

## Wrong

```
stage sft { init = base ; method = sft ; data = chats ; keep = 0 }
```

## Right

```
stage sft { init = base ; method = sft ; data = chats ; keep = 1 }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.training import each_run, once, replace

RULE = Rule("B309", "keep-none-keeps-one", Severity.INFO)


def check(context: Context) -> Iterator[Finding]:
    yield from once(_check(context))


def _check(context: Context) -> Iterator[Finding]:
    for name, stage in each_run(context):
        if stage.keep > 0:
            continue
        yield Finding(
            f"stage `{name}` keeps one checkpoint all the same, to go on from",
            stage.span_of("keep"),
            help="write `keep = 1`",
            edits=replace(stage, "keep", "1"),
        )
