"""A licence that a published model's card cannot tell

## What it does

Looks, in recipes that publish a model, for a `publish` block, a start model from elsewhere or data behind it that has
no `license`.

## Why is this bad?

A model is bound by what it was made from: a start model that may not be used for profit, or data that has to be named,
pass that on. The card of a published model lists them with their licences, and says `unknown` where the recipe does;
whoever wants to use the model then has to ask, or leaves it. Of the data sets on hosting sites that one audit looked at,
more than 70% had no licence there, and more than half of those given were wrong: the author of a recipe knows more.

Source: the audit of the Data Provenance Initiative (arXiv 2310.16787).

## Wrong

```
dataset chats { hub = "HuggingFaceTB/smoltalk2" }
publish hub { of = sft ; to = "someone/smol-sft" }
```

## Right

```
dataset chats { hub = "HuggingFaceTB/smoltalk2" ; license = "apache-2.0" }
publish hub { of = sft ; to = "someone/smol-sft" ; license = "apache-2.0" }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity, Span
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.model.recipe import Recipe

RULE = Rule("R706", "licence-not-said", Severity.INFO)


def check(context: Context) -> Iterator[Finding]:
    recipe = context.recipe
    models: dict[str, None] = {}
    datasets: dict[str, None] = {}
    for name, publish in recipe.publishes.items():
        if publish.license is None:
            yield _finding(
                f"publish `{name}`", "the model's card says that its licence is unknown", publish.span
            )
        _behind(publish.of.name, recipe, models, datasets)
    for name in models:
        model = recipe.models[name]
        if model.scratch is None and model.license is None:
            yield _finding(f"model `{name}`", "what was made from it is published", model.span)
    for name in datasets:
        if recipe.datasets[name].license is None:
            yield _finding(
                f"dataset `{name}`", "what learnt from it is published", recipe.datasets[name].span
            )


def _behind(name: str, recipe: Recipe, models: dict[str, None], datasets: dict[str, None]) -> None:
    """Start models and data that a stage's model comes from. Of a merge: all there are."""
    stages = [name] if name in recipe.stages else list(recipe.stages)
    seen: set[str] = set()
    while stages:
        one = stages.pop()
        if one in recipe.models:
            models[one] = None
        elif one in recipe.stages and one not in seen:
            seen.add(one)
            stage = recipe.stages[one]
            stages.append(stage.init.name)
            mixture = recipe.mixtures.get(stage.data.name)
            names = [row.dataset.name for row in mixture.rows] if mixture else [stage.data.name]
            datasets.update(dict.fromkeys(n for n in names if n in recipe.datasets))


def _finding(what: str, why: str, span: Span | None) -> Finding:
    return Finding(f"{what} has no `license`: {why}", span, help='add it: `license = "apache-2.0"`')
