"""A token or private key in a recipe

## What it does

Looks through the whole text of a recipe and its parents, comments included, for what has the form of a token
or key: Hugging Face (`hf_`), GitHub, GitLab, AWS, Google, Slack, `sk-` keys, and private key blocks. Whatever
smolc prints of such a line has the secret covered.

## Why is this bad?

Recipes are shared, reviewed and committed; a token in one is public from then on, and stays in the history
when the line is taken out. Scanners find pushed tokens within minutes, and so do thieves. A recipe has no use
for one: the hub's client reads its token from where `hf auth login` put it, on each machine.

Once it has been pushed or pasted somewhere, revoke it; taking it out is not enough.

## Wrong

```
model base { hub = "someone/private" }   # token: hf_... (the real one)
```

## Right

```
model base { hub = "someone/private" }   # needs `hf auth login`
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity, Span
from smolc.compiler.diagnostics.secrets import ADDRESS, PASSWORD
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.written import sources

RULE = Rule("X802", "secret-in-recipe", Severity.ERROR)


def check(context: Context) -> Iterator[Finding]:
    for source in sources(context):
        for secret in source.secrets:
            if secret.kind not in (ADDRESS, PASSWORD):
                # Only what may be shown: the span's text goes into reports.
                yield Finding(
                    f"this looks like {secret.kind}: whoever sees the recipe can use it",
                    Span(source, secret.start, secret.hidden),
                    help="take it out, and revoke it if anybody has seen it; tokens belong to the machine",
                )
