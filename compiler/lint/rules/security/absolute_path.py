"""A path of one machine

## What it does

Looks for paths of models, tokenizers and templates that begin at the root of a machine: `/data/...`,
`C:\\...`, `\\\\server\\...`. For data such a path is an error ([C026](codes.md)).

## Why is this bad?

A recipe is shared as text. An absolute path is right on the machine where it was written, if that, and tells
everybody else its user's name and how its disks are laid out. Paths are relative to the recipe's own file: the
data lies beside it, or is a link there.

## Wrong

```
model base { path = "/mnt/store/models/base" }
```

## Right

```
model base { path = "models/base" }
```
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.written import local_paths

RULE = Rule("X806", "absolute-path", Severity.WARNING)
_ROOT = re.compile(r"/|\\\\|[A-Za-z]:[\\/](?!/)")


def check(context: Context) -> Iterator[Finding]:
    for whose, path, span in local_paths(context):
        if _ROOT.match(path):
            name = path.replace("\\", "/").rstrip("/").rpartition("/")[2]
            yield Finding(
                f"the path of {whose} is of one machine",
                span,
                help=f"put it beside the recipe, or a link to it, and write a relative path: `{name}`",
            )
