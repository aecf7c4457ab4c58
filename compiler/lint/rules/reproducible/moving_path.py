"""A path whose content changes

## What it does

Looks for paths of models, tokenizers, templates and data with a part called `latest`, `last`, `current`, `tmp`
or `temp`. Of absolute ones, such as `/tmp/rows.jsonl`, another rule speaks.

## Why is this bad?

The recipe stays the same, and what it reads is replaced by the next run, or gone after the next boot. Nobody
notices, since the name still fits: other stacks resume from whatever checkpoint lies there, with settings that
were changed in between (LlamaFactory#4595). A stage that starts from another recipe's result says so best by
`extends`, or by a folder that is named for what is in it.

Source: LlamaFactory#4595.

## Wrong

```
model base { path = "checkpoints/latest" }
```

## Right

```
model base { path = "checkpoints/sft-2026-03-01" }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.written import addresses, local_paths

RULE = Rule("R705", "moving-path", Severity.WARNING)
_MOVING = {"latest", "last", "current", "tmp", "temp"}


def check(context: Context) -> Iterator[Finding]:
    for whose, path, span in [*local_paths(context), *addresses(context)]:
        if path.startswith("/tmp/"):
            continue
        found = next((part for part in path.split("/") if part.partition(".")[0].lower() in _MOVING), None)
        if found is not None:
            yield Finding(
                f"the path of {whose} has `{found}` in it: what lies there changes",
                span,
                help="copy it to a folder that is named for what is in it, and say that",
            )
