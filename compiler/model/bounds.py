"""Fitted lengths get their bound: the context of a model made from scratch, where the recipe gives none."""

from __future__ import annotations

from smolc.compiler.model.merge import behind
from smolc.compiler.model.methods import LONGEST, Fit
from smolc.compiler.model.recipe import Recipe
from smolc.compiler.model.stage import Stage


def with_bounds(recipe: Recipe) -> Recipe:
    """The recipe with `at_most` in every `fit(...)`. Its stages may start from each other in a circle."""
    stages = {name: _bounded(stage, recipe) for name, stage in recipe.stages.items()}
    runs = {}
    for name, points in recipe.runs.items():
        own = recipe.stages[name]
        # A stage without a grid is its own and only run.
        runs[name] = tuple(
            run.model_copy(
                update={"stage": stages[name] if run.stage is own else _bounded(run.stage, recipe)}
            )
            for run in points
        )
    return recipe.model_copy(update={"stages": stages, "runs": runs})


def _bounded(stage: Stage, recipe: Recipe) -> Stage:
    fit = stage.packing.length
    if not isinstance(fit, Fit) or fit.at_most is not None:
        return stage
    context = _context(stage, recipe)
    length = fit.model_copy(update={"at_most": min(LONGEST, context) if context else LONGEST})
    length.model_fields_set.discard("at_most")  # nobody wrote it
    packing = stage.packing.model_copy(update={"length": length})
    return stage.model_copy(update={"packing": packing})


def _context(stage: Stage, recipe: Recipe) -> int | None:
    """Of the model that a stage goes back to, if it is made from scratch."""
    seen: set[str] = set()
    name = behind(stage.init.name, recipe)
    while name in recipe.stages and name not in seen:
        seen.add(name)
        name = behind(recipe.stages[name].init.name, recipe)
    model = recipe.models.get(name)
    return model.scratch.context if model is not None and model.scratch is not None else None
