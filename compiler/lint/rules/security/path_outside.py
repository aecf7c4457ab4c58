"""A path that leaves the recipe's folder

## What it does

Looks for relative paths of models, tokenizers, templates and data that lead two or more folders up, out of the
folder of the recipe.

## Why is this bad?

Whoever gets the recipe's folder does not get what lies two folders above it, and has something else there. One
folder up (`../data/chats.jsonl`) is how recipes of one project share their data, and is left alone. In a recipe
from somebody else, such a path is also how to make it read what was never meant for it.

## Wrong

```
dataset chats { path = "../../alice/private/chats.jsonl" }
```

## Right

```
dataset chats { path = "data/chats.jsonl" }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.written import local_paths

RULE = Rule("X811", "path-outside-the-folder", Severity.INFO)
MOST = 1


def check(context: Context) -> Iterator[Finding]:
    for whose, path, span in local_paths(context):
        if ".." in path and _up(path) > MOST:
            yield Finding(
                f"the path of {whose} leads {_up(path)} folders up, out of what is shared with the recipe",
                span,
                help="put it beside the recipe, or a link to it",
            )


def _up(path: str) -> int:
    """How many folders above its start a relative path gets at most."""
    depth = highest = 0
    for part in path.replace("\\", "/").split("/"):
        depth += -1 if part == ".." else 0 if part in ("", ".") else 1
        highest = min(highest, depth)
    return -highest
