"""One repository at two revisions

## What it does

Looks for models, tokenizers and datasets that come from the same repository of the hub and name different
revisions.

## Why is this bad?

Usually one line was moved to a newer commit and the others were forgotten: a tokenizer then meets weights it was
not made for, or splits of one dataset come from before and after it was cleaned. Mixing what belongs to
different states has been silent elsewhere, too: a cache of rows was reused after the tokenizer had changed
(axolotl#1265).

Source: axolotl#1265.

## Wrong

```
dataset chats { hub = "some/data"; config = "chats"; revision = "1111111111111111111111111111111111111111" }
dataset maths { hub = "some/data"; config = "maths"; revision = "2222222222222222222222222222222222222222" }
```

## Right

```
dataset chats { hub = "some/data"; config = "chats"; revision = "2222222222222222222222222222222222222222" }
dataset maths { hub = "some/data"; config = "maths"; revision = "2222222222222222222222222222222222222222" }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Label, Severity, Span
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.model.recipe import Recipe
from smolc.compiler.model.start import HubTokenizer

RULE = Rule("R703", "two-revisions", Severity.WARNING)


def check(context: Context) -> Iterator[Finding]:
    seen: dict[tuple[str, str], tuple[str, Span | None]] = {}
    for kind, id, revision, span in _pinned(context.recipe):
        first, there = seen.setdefault((kind, id.lower()), (revision, span))
        if revision == first:
            continue
        yield Finding(
            f"`{id}` is taken at `{revision[:12]}` here, and at `{first[:12]}` elsewhere in the recipe",
            span,
            labels=(Label(there, "the other revision"),) if there else (),
            help="take both at one revision",
        )


def _pinned(recipe: Recipe) -> Iterator[tuple[str, str, str, Span | None]]:
    """Each repository with the revision that the recipe names: kind, id, revision, place."""
    for model in recipe.models.values():
        if model.hub is not None and model.revision is not None:
            yield "model", model.hub, model.revision, model.span_of("revision")
        tokenizer = model.tokenizer
        if isinstance(tokenizer, HubTokenizer) and tokenizer.revision is not None:
            yield "model", tokenizer.id, tokenizer.revision, tokenizer.span_of("revision")
    for dataset in recipe.datasets.values():
        if dataset.hub is not None and dataset.revision is not None:
            yield "dataset", dataset.hub, dataset.revision, dataset.span_of("revision")
