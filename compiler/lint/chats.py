"""The chat templates that a recipe's stages train with, as text; nothing is rendered."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from smolc.compiler.lint.context import ChatTemplate, Context
from smolc.compiler.model.merge import behind
from smolc.compiler.model.methods import Cpt
from smolc.compiler.model.recipe import Recipe
from smolc.compiler.model.stage import Stage
from smolc.compiler.model.start import Template
from smolc.compiler.plan.templates import model_of, template_of

OPEN = "<think>"
TAGS = 'tags("<think>", "</think>")'
"""How reasoning is written by nearly every template that has it, and how a recipe says so."""

_COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)


@dataclass(frozen=True)
class Used:
    """A template whose text is known, and the first stage that trains with it.

    declared: its block in the recipe, if it has one. text: without comments. model: label of the start model.
    """

    stage: str
    template: ChatTemplate
    declared: Template | None
    text: str
    model: str


def used(context: Context) -> tuple[Used, ...]:
    """Each template that a stage renders conversations with, where its text is known here; each once."""

    def make() -> tuple[Used, ...]:
        found: dict[object, Used] = {}
        for name, stage in context.recipe.stages.items():
            one = None if isinstance(stage.method, Cpt) else template_for(name, stage, context)
            if one is not None:
                key = (template_of(stage, context.recipe), one.model if one.template.own else None)
                found.setdefault(key, one)
        return tuple(found.values())

    return context.remember("used templates", make)


def template_for(name: str, stage: Stage, context: Context) -> Used | None:
    """The template of the stage `name`; None where its text is not known here."""

    def make() -> Used | None:
        template = context.template(stage)
        if template.text is None:
            return None
        declared = declared_for(stage, context.recipe)
        return Used(name, template, declared, bare(template.text), model_of(stage, context.recipe))

    return context.remember(("template", name), make)


def declared_for(stage: Stage, recipe: Recipe) -> Template | None:
    """The `template` block of a stage, or of the stage that it starts from."""
    name = template_of(stage, recipe)
    return recipe.templates[name] if name is not None else None


@lru_cache(maxsize=64)
def bare(text: str) -> str:
    """A template's text without its comments."""
    return _COMMENT.sub("", text)


def chatting_before(stage: Stage, recipe: Recipe) -> str | None:
    """The nearest earlier stage that trained on conversations."""
    while (name := behind(stage.init.name, recipe)) in recipe.stages:
        stage = recipe.stages[name]
        if not isinstance(stage.method, Cpt):
            return name
    return None
