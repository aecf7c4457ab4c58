"""A user and password in an address

## What it does

Looks through the text of a recipe and its parents, comments included, for addresses of the form
`https://user:password@host`.

## Why is this bad?

The address is copied into logs, error messages and job files wherever it goes, with the password in it, and
the recipe itself is committed and shared. Package mirrors, object stores and proxies are where it usually comes
from.

## Wrong

```
# data from https://me:s3cret@store.example/pairs.jsonl
dataset pairs { path = "pairs.jsonl" }
```

## Right

```
# data from https://store.example/pairs.jsonl (ask for access)
dataset pairs { path = "pairs.jsonl" }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity, Span
from smolc.compiler.diagnostics.secrets import ADDRESS
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.written import sources

RULE = Rule("X804", "credentials-in-address", Severity.ERROR)


def check(context: Context) -> Iterator[Finding]:
    for source in sources(context):
        for secret in source.secrets:
            if secret.kind == ADDRESS:
                yield Finding(
                    "this address has a user and a password in it",
                    Span(source, secret.start, secret.hidden),
                    help="write it without them, and change the password if anybody has seen it",
                )
