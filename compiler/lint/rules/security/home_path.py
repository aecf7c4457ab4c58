"""A path with a tilde or a variable

## What it does

Looks for paths of models, tokenizers, templates and data that begin with `~`, or of which a part begins
with `$NAME`, `${NAME}` or `%NAME%`.

## Why is this bad?

A recipe is data: nothing in it reads the environment, so that the same text means the same run for everybody.
`~/data` is therefore a folder that is called `~`, beside the recipe, and `$DATA/chats.jsonl` one called `$DATA`.
They are hardly there, and the run then fails at its first job.

## Wrong

```
dataset chats { path = "~/data/chats.jsonl" }
```

## Right

```
dataset chats { path = "data/chats.jsonl" }
```
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.written import local_paths

RULE = Rule("X807", "path-of-the-environment", Severity.WARNING)
_SHELL = re.compile(
    r"^~[A-Za-z0-9_.-]*(?=/|\\|$)|(?:^|(?<=/))(?:\$[A-Za-z_]\w*|%[A-Za-z_]\w*%)|\$\{[A-Za-z_]\w*\}"
)


def check(context: Context) -> Iterator[Finding]:
    for whose, path, span in local_paths(context):
        match = _SHELL.search(path)
        if match is not None:
            yield Finding(
                f"`{match[0]}` in the path of {whose} is not replaced: a recipe reads no environment",
                span,
                help="write a path relative to the recipe; a link there can lead anywhere",
            )
