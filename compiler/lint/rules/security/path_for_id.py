"""A path where an id on the hub is wanted

## What it does

Looks for `hub` ids of models, tokenizers and datasets that can only be paths: `./...`, `../...`, `/...`, `~/...`
or `C:\\...`.

## Why is this bad?

Libraries take a path where they expect an id, and read it from wherever the process happens to run. smolc then
knows nothing of it: it is not looked for beside the recipe, does not count as a local file, has a revision that
means nothing, and works on one machine only. Whoever gets the recipe looks for it on the hub.

## Wrong

```
model base { hub = "./weights" }
```

## Right

```
model base { path = "weights" }
```
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.written import hub_ids

RULE = Rule("X812", "path-for-an-id", Severity.WARNING)
_PATH = re.compile(r"\.{0,2}/|~|[A-Za-z]:[\\/](?!/)")


def check(context: Context) -> Iterator[Finding]:
    for whose, id, span in hub_ids(context):
        if _PATH.match(id):
            yield Finding(
                f"{whose} has a path where an id on the hub is wanted",
                span,
                help="an id is `owner/name`; for a folder or files on the machine write `path = ...`",
            )
