"""What nobody wrote, put into a recipe as if somebody had."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from smolc.compiler.diagnostics import Source, Span
from smolc.compiler.model.base import Noun, Variant
from smolc.compiler.model.build import NOUNS
from smolc.compiler.model.methods import Cpt, Dpo, Kto
from smolc.compiler.model.recipe import Recipe
from smolc.compiler.model.stage import Stage
from smolc.compiler.model.start import Llama, Template
from smolc.compiler.plan import defaults, templates
from smolc.compiler.plan.train import EVALUATE_EVERY, SAVE_EVERY
from smolc.compiler.resolve import Field, Resolved, Section
from smolc.compiler.show.origin import DEFAULT
from smolc.compiler.show.spell import spell
from smolc.compiler.syntax import tree
from smolc.compiler.syntax.parse import parse_value


def with_defaults(resolved: Resolved, recipe: Recipe) -> Resolved:
    """The same recipe, with every default written out; it builds to the same plan.

    Defaults that depend on the hardware (`auto`) stay as they are; empty ones are left out.
    """
    return replace(resolved, sections=[_section(s, recipe) for s in resolved.sections])


def decided(noun: Noun, recipe: Recipe) -> dict[str, Any]:
    """Values that a noun leaves open (None) and the plan decides."""
    if isinstance(noun, Stage):
        template = None if isinstance(noun.method, Cpt) else templates.template_of(noun, recipe)
        mixture = recipe.mixtures.get(noun.data.name)
        return {
            "batch": defaults.batch(noun),
            "template": template,
            "evaluate_every": EVALUATE_EVERY if mixture is not None and mixture.holdout else None,
            "save_every": SAVE_EVERY,
            "optim": {"lr": defaults.learning_rate(noun)},
            "method": {"reference": noun.init if isinstance(noun.method, (Dpo, Kto)) else None},
        }
    if isinstance(noun, Template):
        return {"end_of_turn": defaults.END_OF_TURN.get(noun.builtin or "")}
    scratch = getattr(noun, "scratch", None)
    if isinstance(scratch, Llama):
        return {"scratch": {"kv_heads": scratch.heads, "intermediate": 4 * scratch.hidden}}
    return {}


def _section(section: Section, recipe: Recipe) -> Section:
    kind, label = section.kind.text, section.label.text if section.label else ""
    if kind == "recipe":
        return _filled(section, recipe, {}, ("name",))
    noun = getattr(recipe, NOUNS[kind][0])[label]
    if kind == "mixture":
        return _mixture(section, noun)
    left_out = ("split",) if kind == "dataset" and noun.path is not None else ()
    made = _filled(section, noun, decided(noun, recipe), left_out)
    made.sections = [_nested(nested, noun) for nested in made.sections]
    return made


def _nested(section: Section, noun: Any) -> Section:
    if section.kind.text == "task" and section.label is not None:
        return _filled(section, noun.task[section.label.text], {})
    return _filled(section, noun.sweep, {}) if section.kind.text == "sweep" else section


def _mixture(section: Section, mixture: Any) -> Section:
    made = _filled(section, mixture, {})
    rows = {(row.dataset.name, row.split): row.weight for row in mixture.rows}
    for block in (made, *made.sections):
        for key, one in block.fields.items():
            inside = block is not made and block.label is not None
            name = (block.label.text, one.key) if inside and block.label else (one.path.parts[0].text, None)
            if name in rows:
                block.fields[key] = Field(one.path, _with_arguments(one.value, rows[name], {}))
    return made


def _filled(
    section: Section, noun: Noun, decided: Mapping[str, Any], left_out: tuple[str, ...] = ()
) -> Section:
    made = section.copy()
    for key, info in type(noun).model_fields.items():
        value = getattr(noun, key)
        more = decided.get(key)
        if key in made.fields:
            if isinstance(value, Variant):
                old = made.fields[key]
                made.fields[key] = Field(old.path, _with_arguments(old.value, value, more or {}))
            continue
        if key in left_out or key in noun.model_fields_set:
            continue
        if isinstance(value, Variant):
            word = tree.Ref(_path(value.word), _path(value.word).span)
            made.fields[key] = Field(_path(key), _with_arguments(word, value, more or {}))
        else:
            value = more if value is None else value
            if value is not None and value != "" and not (isinstance(value, (tuple, dict)) and not value):
                made.fields[key] = Field(_path(key), _read(spell(value, info)))
    return made


def _with_arguments(value: tree.Value, variant: Variant, decided: Mapping[str, Any]) -> tree.Value:
    """A constructor with the arguments that were left out."""
    if isinstance(value, tree.Ref):
        value = tree.Call(value.path.parts[0], (), value.span)
    if not isinstance(value, tree.Call):
        return value
    if not value.name.text:
        value = replace(value, name=_path(variant.word).parts[0])
    more = []
    for key, info in type(variant).model_fields.items():
        one = getattr(variant, key)
        one = decided.get(key) if one is None else one
        if (
            one is None
            or one == ""
            or (key in variant.model_fields_set and getattr(variant, key) is not None)
        ):
            continue
        said = _read(spell(one, info))
        more.append(tree.Argument(_path(key).parts[0], said, said.span))
    if not more and not value.arguments:
        return tree.Ref(tree.Path((value.name,), value.name.span), value.span)
    return replace(value, arguments=(*value.arguments, *more))


def _path(word: str) -> tree.Path:
    ident = tree.Ident(word, Span(Source(DEFAULT, word), 0, len(word)))
    return tree.Path((ident,), ident.span)


def _read(text: str) -> tree.Value:
    value, found = parse_value(Source(DEFAULT, text))
    assert value is not None and not found
    return value
