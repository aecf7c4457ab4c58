"""Which models of a recipe reason before they answer, as far as their templates say so."""

from __future__ import annotations

from smolc.compiler.model.evaluation import Eval
from smolc.compiler.model.merge import behind
from smolc.compiler.model.recipe import Recipe
from smolc.compiler.model.stage import Stage
from smolc.compiler.model.start import Template
from smolc.compiler.model.types import Link
from smolc.compiler.plan.templates import template_of


def thinks(template: Template | None) -> bool:
    """Whether a template has tags for reasoning and has it switched on."""
    return template is not None and template.thinking is not None and template.enable_thinking is not False


def template_of_stage(stage: Stage, recipe: Recipe) -> Template | None:
    """The declared template that a stage trains with."""
    name = template_of(stage, recipe)
    return recipe.templates[name] if name is not None else None


def reasoning_subject(evaluation: Eval, recipe: Recipe) -> tuple[Link, Template] | None:
    """The first stage under evaluation whose template has it reason, and that template."""
    for link in evaluation.of:
        name = behind(link.name, recipe)
        if name in recipe.stages:
            template = template_of_stage(recipe.stages[name], recipe)
            if template is not None and thinks(template):
                return link, template
    return None
