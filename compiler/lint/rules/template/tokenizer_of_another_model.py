"""A tokenizer from somebody else's model

## What it does

Looks for models from the hub whose tokenizer is from a repository of another owner.

## Why is this bad?

The rows of an embedding belong to the tokens of one tokenizer. With another one the model starts from words that
mean something else, or ids that it has no rows for; the loss begins high and falls, as any loss does, and what
was paid for in pretraining is gone. Tokens of one tokenizer in the hands of another have happened by accident,
through a cache that was not keyed by it (axolotl#1265). A copy of the same tokenizer is fine: say so in a
suppression.

Source: axolotl#1265.

## Wrong

```
model base { hub = "HuggingFaceTB/SmolLM2-135M" ; tokenizer = hub("Qwen/Qwen3-0.6B") }
```

## Right

```
model base { hub = "HuggingFaceTB/SmolLM2-135M" }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Label, Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.model.start import HubTokenizer

RULE = Rule("T117", "tokenizer-of-another-model", Severity.WARNING)


def check(context: Context) -> Iterator[Finding]:
    for name, model in context.recipe.models.items():
        tokenizer = model.tokenizer
        if model.hub is None or not isinstance(tokenizer, HubTokenizer):
            continue
        if _owner(tokenizer.id) == _owner(model.hub):
            continue
        hub = model.span_of("hub")
        yield Finding(
            f"model `{name}` is `{model.hub}`, and its tokenizer is that of `{tokenizer.id}`",
            tokenizer.span_of("id"),
            labels=(Label(hub, "the weights"),) if hub else (),
            notes=("embeddings belong to the tokens of one tokenizer",),
            help="leave `tokenizer` out to use the model's own; if it is a copy of that, allow this and say so",
        )


def _owner(id: str) -> str:
    return id.partition("/")[0].lower()
