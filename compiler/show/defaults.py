"""What nobody wrote, put into a recipe as if somebody had."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from smolc.compiler.diagnostics import Source, Span
from smolc.compiler.format.value import quote
from smolc.compiler.model.base import Noun, Variant
from smolc.compiler.model.build import NOUNS
from smolc.compiler.model.merge import Merge
from smolc.compiler.model.methods import Cpt, Dpo, Kto
from smolc.compiler.model.recipe import Recipe
from smolc.compiler.model.stage import EVALUATE_EVERY, SAVE_EVERY, Stage
from smolc.compiler.model.start import Model, Template
from smolc.compiler.model.tasks import LABELLED
from smolc.compiler.plan import defaults, templates
from smolc.compiler.reference.readers import readers
from smolc.compiler.reference.written import written
from smolc.compiler.resolve import Field, Resolved, Section
from smolc.compiler.show.origin import DEFAULT
from smolc.compiler.syntax import tree
from smolc.compiler.syntax.parse import parse_value


def with_defaults(resolved: Resolved, recipe: Recipe) -> Resolved:
    """The same recipe, with every default written out; it builds to the same plan.

    Defaults that depend on the hardware (`auto`) stay as they are; empty ones are left out.
    """
    return replace(resolved, sections=[_section(s, recipe) for s in resolved.sections])


def decided(noun: Noun, recipe: Recipe) -> dict[str, Any]:
    """What the plan decides where a noun leaves it open, as a recipe would write it; by key, and by argument below that."""
    if isinstance(noun, Stage):
        template = None if isinstance(noun.method, Cpt) else templates.template_of(noun, recipe)
        mixture = recipe.mixtures.get(noun.data.name)
        measured = mixture is not None and mixture.holdout is not None
        reference = str(noun.init) if isinstance(noun.method, (Dpo, Kto)) else None
        return {
            "batch": written(defaults.batch(noun), ()),
            "template": template,
            "evaluate_every": written(EVALUATE_EVERY, ()) if measured else None,
            "save_every": written(SAVE_EVERY, ()),
            "optim": {"lr": written(defaults.learning_rate(noun), ())},
            "method": {"reference": reference},
        }
    if isinstance(noun, Merge):
        return {"like": str(noun.pattern)}
    if isinstance(noun, Template) and noun.builtin is not None:
        return {"end_of_turn": quote(defaults.END_OF_TURN[noun.builtin])}
    if isinstance(noun, Model) and noun.scratch is not None:
        shape = noun.scratch
        return {"scratch": {"kv_heads": str(shape.heads), "intermediate": str(4 * shape.hidden)}}
    return {}


def _agreed(noun: Noun, label: str, recipe: Recipe) -> dict[str, Any]:
    """What is decided in the same way for all runs of a grid: where it differs, no single value can stand there."""
    first, *others = [decided(one, recipe) for one in _runs(noun, label, recipe)]
    return {key: value for key, value in first.items() if all(o.get(key) == value for o in others)}


def _runs(noun: Noun, label: str, recipe: Recipe) -> list[Noun]:
    if not isinstance(noun, Stage):
        return [noun]
    return [noun, *(run.stage for run in recipe.runs[label])]


def _section(section: Section, recipe: Recipe) -> Section:
    kind, label = section.kind.text, section.label.text if section.label else ""
    if kind == "recipe":
        return _filled(section, recipe, {}, ("name",))
    noun = getattr(recipe, NOUNS[kind][0])[label]
    if kind == "mixture":
        return _mixture(section, noun)
    left_out = ("split", "streaming") if kind == "dataset" and noun.path is not None else ()
    made = _filled(section, noun, _agreed(noun, label, recipe), left_out)
    made.sections = [_nested(nested, noun) for nested in made.sections]
    return made


def _nested(section: Section, noun: Any) -> Section:
    if section.kind.text in LABELLED and section.label is not None:
        return _filled(section, getattr(noun, section.kind.text)[section.label.text], {})
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
            text = more if value is None else written(value, readers(info))
            if text is not None and text != '""':
                made.fields[key] = Field(_path(key), _read(text))
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
        if not variant.given(key):
            one = getattr(variant, key)
            text = decided.get(key) if one is None else written(one, readers(info))
            if text is not None and text != '""':
                said = _read(text)
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
