"""Code from a repository that may change

## What it does

Looks for models with `trust_remote_code = true` from the hub, and their tokenizers, that are not pinned to a
commit.

## Why is this bad?

What runs as you is then whatever the repository holds on the day of the run, on every machine of the run: to
have read it once says nothing about the next time. Whoever can push to that repository, or takes over the
account, runs code with your tokens and data in reach. `trust-remote-code` says what there is to read; this is
an error, since nothing that was read can hold.

## Wrong

```
model base { hub = "someone/their-model"; revision = "main"; trust_remote_code = true }
```

## Right

```
model base {
  hub               = "someone/their-model"
  revision          = "0123456789abcdef0123456789abcdef01234567"
  # lint: allow(trust-remote-code) -- read modeling_theirs.py at this commit: no I/O
  trust_remote_code = true
}
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Label, Severity, Span
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.tokenizer import COMMIT
from smolc.compiler.model.start import HubTokenizer, Model

RULE = Rule("X805", "remote-code-unpinned", Severity.ERROR)


def check(context: Context) -> Iterator[Finding]:
    for model in context.recipe.models.values():
        if not model.trust_remote_code:
            continue
        for id, revision, span in _repositories(model):
            if revision is not None and COMMIT.fullmatch(revision):
                continue
            said = model.span_of("trust_remote_code")
            yield Finding(
                f"the code of `{id}` will run as you, as it is on that day",
                span,
                labels=(Label(said, "allowed here"),) if said else (),
                help="read the code at one commit, and pin it: `revision = ...`, 40 hexadecimal digits",
            )


def _repositories(model: Model) -> Iterator[tuple[str, str | None, Span | None]]:
    if model.hub is not None:
        yield model.hub, model.revision, model.span_of("revision" if model.revision else "hub")
    tokenizer = model.tokenizer
    if isinstance(tokenizer, HubTokenizer):
        yield tokenizer.id, tokenizer.revision, tokenizer.span_of("revision" if tokenizer.revision else "id")
