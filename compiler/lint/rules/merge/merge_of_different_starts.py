"""A merge of models that were trained from different start models

## What it does

Looks for merges whose inputs go back to different models of the recipe. A start model that goes into a merge itself is
where it goes back to.

## Why is this bad?

The mean of two models is a model only where both lie in one basin of the loss, which is so for those that were
fine-tuned from the same weights. Two networks of one shape that were trained apart keep the same things in other
neurons and heads: their mean is noise, even where architecture, shapes and tokenizer agree and the job runs.
Neyshabur et al. 2020 found no barrier between models that were fine-tuned from one start, and a high one between
models that were not (arXiv 2008.11687); model soups (Wortsman et al. 2022, arXiv 2203.05482) rely on it. Where one
start model was itself made from the other (a base and its instruct version), say so with `# lint:
allow(merge-of-different-starts) -- ...`.

Source: Neyshabur et al. 2020, What is being transferred in transfer learning?; Wortsman et al. 2022, Model soups.

## Wrong

```
model base  { hub = "org/base-1B" ; revision = "0123456789abcdef0123456789abcdef01234567" }
model other { hub = "org/other-1B" ; revision = "0123456789abcdef0123456789abcdef01234567" }
merge final { of = [base, other] }
```

## Right

```
stage sft { init = base ; method = sft ; data = chats }
merge final { of = [base, sft] }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Label, Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.model.merge import upstream
from smolc.compiler.model.recipe import Recipe

RULE = Rule("M002", "merge-of-different-starts", Severity.WARNING)


def check(context: Context) -> Iterator[Finding]:
    recipe = context.recipe
    for name, merge in recipe.merges.items():
        first, *others = merge.of
        start = _starts(first.name, recipe)
        for link in others:
            other = _starts(link.name, recipe)
            if start & other:
                continue
            here, there = (" and ".join(f"`{one}`" for one in sorted(found)) for found in (start, other))
            yield Finding(
                f"merge `{name}` is of models with different starts: `{first}` goes back to {here}, `{link}` to {there}",
                link.span,
                labels=(Label(first.span, f"from {here}"),),
                notes=(
                    "models that were trained apart keep the same things in other neurons: a mean is noise",
                ),
                help="merge what was trained from one model",
            )
            break


def _starts(name: str, recipe: Recipe) -> set[str]:
    """The start models that a name goes back to; those from the hub by their names there."""
    found = [recipe.models[one] for one in upstream(name, recipe) if one in recipe.models]
    by_name = {id(model): label for label, model in recipe.models.items()}
    return {model.hub or by_name[id(model)] for model in found}
