"""Something from the hub without a commit

## What it does

Looks for models, tokenizers and datasets from the hub whose `revision` is not a full commit (40 hexadecimal
digits). Where this machine has downloaded the repository before, the commit it got is offered. Of models whose
code is run, `remote-code-unpinned` speaks.

## Why is this bad?

A branch or a tag moves: the same recipe gives another model next month, and nobody can say why. Chat
templates have changed in published repositories, datasets have been cleaned after papers were written about
them, and caches that are not keyed by what they were made from have mixed old and new (axolotl#1265). The
Smol Training Playbook pins even the judge of an eval and its version.

Source: Smol Training Playbook, post-training chapter (evals); axolotl#1265.

## Wrong

```
model base { hub = "HuggingFaceTB/SmolLM3-3B-Base"; revision = "main" }
```

## Right

```
model base {
  hub      = "HuggingFaceTB/SmolLM3-3B-Base"
  revision = "0123456789abcdef0123456789abcdef01234567"
}
```

`smolc lock` does the same beside the recipe, in `smolc.lock`. The commit of a branch by hand:
`git ls-remote https://huggingface.co/HuggingFaceTB/SmolLM3-3B-Base main` (for datasets,
`https://huggingface.co/datasets/...`).
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Edit, Severity, Span
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.tokenizer import COMMIT, commit
from smolc.compiler.model.start import HubTokenizer

RULE = Rule("R701", "unpinned-revision", Severity.WARNING)


def check(context: Context) -> Iterator[Finding]:
    for name, model in context.recipe.models.items():
        if model.trust_remote_code:
            continue
        if model.hub is not None:
            span = model.span_of("revision") if model.revision else model.span_of("hub")
            yield from _pinned(context, f"model `{name}`", "models", model.hub, model.revision, span)
        tokenizer = model.tokenizer
        if isinstance(tokenizer, HubTokenizer):
            span = tokenizer.span_of("revision" if tokenizer.revision else "id")
            what = f"the tokenizer of model `{name}`"
            yield from _pinned(context, what, "models", tokenizer.id, tokenizer.revision, span)
    for name, dataset in context.recipe.datasets.items():
        if dataset.hub is not None:
            span = dataset.span_of("revision" if dataset.revision else "hub")
            yield from _pinned(context, f"dataset `{name}`", "datasets", dataset.hub, dataset.revision, span)


def _pinned(
    context: Context, what: str, kind: str, id: str, revision: str | None, span: Span | None
) -> Iterator[Finding]:
    if revision is not None and COMMIT.fullmatch(revision):
        return
    here = context.remember(("commit", kind, id, revision), lambda: commit(kind, id, revision))
    moving = f"`{revision}`" if revision else "the default branch"
    url = f"https://huggingface.co/{'datasets/' if kind == 'datasets' else ''}{id}"
    yield Finding(
        f"{what} is not pinned: {moving} of `{id}` is whatever it holds that day",
        span,
        help=f'`revision = "{here}"` is what this machine has'
        if here
        else f"`smolc lock` pins it; or add the commit that `git ls-remote {url} {revision or 'HEAD'}` tells",
        edits=(Edit(span, f'"{here}"'),) if here and revision and span else (),
    )
