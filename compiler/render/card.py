"""What a model's card needs and no job does: the recipe's text, licences, and where models may be pushed to.

No part of a job's hash: a licence that is written down later trains nothing anew.
"""

from __future__ import annotations

import json
from typing import Any

from smolc.compiler.diagnostics.secrets import covered
from smolc.compiler.model.publish import Publish
from smolc.compiler.model.recipe import Recipe
from smolc.compiler.resolve import Resolved

TEXT = "recipe.txt"
"""The recipe with its parents and overrides folded in. Not `.recipe`: it is not one more recipe to be reviewed."""


def card_files(recipe: Recipe, resolved: Resolved) -> dict[str, str]:
    """`recipe.txt` and `card.json`. What looks like a secret is covered in the one, and the other has none."""
    from smolc.compiler.show.flatten import flatten

    content = {
        "license": recipe.license or None,
        "models": {name: {"license": model.license} for name, model in recipe.models.items()},
        "sources": _licenses(recipe),
        "publish": {name: _publish(one, recipe) for name, one in recipe.publishes.items()},
    }
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    return {TEXT: covered(flatten(resolved)), "card.json": text}


def _licenses(recipe: Recipe) -> dict[str, str | None]:
    """By the name that a stage's data has for the source."""
    found = {name: dataset.license for name, dataset in recipe.datasets.items()}
    for mixture in recipe.mixtures.values():
        for row in mixture.rows:
            if row.split is not None:
                found[f"{row.dataset.name}/{row.split}"] = recipe.rows(row.dataset.name).license
    return found


def _publish(publish: Publish, recipe: Recipe) -> dict[str, Any]:
    stage = recipe.stages.get(publish.of.name)
    return {
        "job": f"{publish.of.name}-best" if stage and stage.sweep else publish.of.name,
        "to": publish.to,
        "private": publish.private,
        "weights": publish.weights,
        "license": publish.license,
        "language": list(publish.language),
    }
