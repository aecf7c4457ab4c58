"""A password or key by its name

## What it does

Looks through the text of a recipe and its parents, comments included, for `password`, `token`, `secret`,
`api_key` and the like with a value behind them that has letters and digits. Placeholders (`$TOKEN`, `<token>`)
are left alone.

## Why is this bad?

What stands in a recipe is committed and shared, and stays in the history after it is taken out. Keys without a
form of their own (Weights & Biases, cloud storage, a proxy's password) are only recognisable by the word before
them. A recipe has no key that takes one, and no job reads one from it.

## Wrong

```
# WANDB_API_KEY=0123456789abcdef... (the real one)
model base { hub = "some/model" }
```

## Right

```
# WANDB_API_KEY: from the environment
model base { hub = "some/model" }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity, Span
from smolc.compiler.diagnostics.secrets import PASSWORD
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.written import sources

RULE = Rule("X803", "password-in-recipe", Severity.WARNING)


def check(context: Context) -> Iterator[Finding]:
    for source in sources(context):
        for secret in source.secrets:
            if secret.kind == PASSWORD:
                yield Finding(
                    "this looks like a password or key: whoever sees the recipe can use it",
                    Span(source, secret.start, secret.hidden),
                    help="take it out, and change it if anybody has seen it; it belongs to the environment",
                )
