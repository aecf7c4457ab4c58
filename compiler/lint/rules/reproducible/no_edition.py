"""A recipe that names no edition of the language

## What it does

Looks for recipes without `smolc 1` at their start. One that extends another may leave it to its parent.

## Why is this bad?

The edition says by which rules the text is read. With it a later smolc reads an old recipe as it was meant, or
says that it cannot; without it the recipe is read as whatever is current. Configurations outlive the tools that
they were written for: when transformers renamed `evaluation_strategy`, scripts and tutorials everywhere had to
follow (trl#1771), and where unknown keys are ignored they changed without a word (trl#3543).

Source: trl#1771, trl#3543.

## Wrong

```
recipe mine { about = "..." }
```

## Right

```
smolc 1

recipe mine { about = "..." }
```
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from smolc.compiler.diagnostics import Edit, Severity, Span
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.resolve.resolve import EDITION

RULE = Rule("R702", "no-edition", Severity.INFO)
_START = re.compile(r"(?:\s|;|#[^\n]*)*")
_EDITION = re.compile(r"smolc\b\s*[0-9]")


def check(context: Context) -> Iterator[Finding]:
    source = context.resolved.source
    start = _START.match(source.text)
    assert start is not None  # it matches nothing, too
    if len(context.resolved.files) > 1 or _EDITION.match(source.text, start.end()):
        return
    first = Span(source, start.end(), min(start.end() + 1, len(source.text)))
    yield Finding(
        "this recipe does not say which edition of the language it is written in",
        first,
        help=f"begin it with `smolc {EDITION}`",
        edits=(Edit(Span(source, 0, 0), f"smolc {EDITION}\n\n", safe=True),),
    )
