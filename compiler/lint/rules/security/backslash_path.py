"""A path with backslashes

## What it does

Looks for relative paths of models, tokenizers, templates and data with a backslash in them.

## Why is this bad?

A backslash separates folders on Windows only. Elsewhere it is part of the name, so that the recipe works on the
laptop where it was written and not on the cluster. Slashes work on both.

## Wrong

```
dataset chats { path = "data\\\\chats.jsonl" }
```

## Right

```
dataset chats { path = "data/chats.jsonl" }
```
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from smolc.compiler.diagnostics import Edit, Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.written import local_paths

RULE = Rule("X808", "backslash-in-path", Severity.WARNING)
_ROOT = re.compile(r"\\\\|[A-Za-z]:")


def check(context: Context) -> Iterator[Finding]:
    for whose, path, span in local_paths(context):
        # Of paths that begin at a root, another rule speaks.
        if "\\" not in path or _ROOT.match(path):
            continue
        said = path.replace("\\", "/")
        plain = span is not None and span.text == '"' + path.replace("\\", "\\\\") + '"'
        yield Finding(
            f"the path of {whose} has a backslash, which separates folders on Windows only",
            span,
            help=f'write `"{said}"`',
            edits=(Edit(span, f'"{said}"'),) if plain and span is not None else (),
        )
