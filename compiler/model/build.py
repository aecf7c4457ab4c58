"""Resolved -> Recipe: typed, with every mistake reported at its place."""

from __future__ import annotations

from typing import Any

from smolc.compiler.diagnostics import Diagnostic, Severity, Span
from smolc.compiler.diagnostics.types import has_errors
from smolc.compiler.model.arrange import arrange
from smolc.compiler.model.base import Noun, Reading
from smolc.compiler.model.bounds import with_bounds
from smolc.compiler.model.checks import check_values
from smolc.compiler.model.data import Dataset, Mixture
from smolc.compiler.model.evaluation import Eval
from smolc.compiler.model.generation import Generate
from smolc.compiler.model.habits import answered
from smolc.compiler.model.links import check_cycles, check_labels, check_names
from smolc.compiler.model.merge import Merge
from smolc.compiler.model.pairing import Pairs
from smolc.compiler.model.publish import Publish
from smolc.compiler.model.recipe import Cluster, Recipe
from smolc.compiler.model.stage import Stage
from smolc.compiler.model.start import Model, Template
from smolc.compiler.model.sweep import expand
from smolc.compiler.model.validate import validate
from smolc.compiler.resolve import Resolved

NOUNS: dict[str, tuple[str, type[Noun]]] = {
    "model": ("models", Model),
    "dataset": ("datasets", Dataset),
    "mixture": ("mixtures", Mixture),
    "template": ("templates", Template),
    "stage": ("stages", Stage),
    "merge": ("merges", Merge),
    "generate": ("generates", Generate),
    "pairs": ("pairs", Pairs),
    "eval": ("evals", Eval),
    "publish": ("publishes", Publish),
    "cluster": ("clusters", Cluster),
}


def build(resolved: Resolved) -> tuple[Recipe | None, list[Diagnostic]]:
    """The typed recipe with its grids expanded; None if there are errors, all of which are reported."""
    reading = Reading()
    found = reading.found
    groups: dict[str, Any] = {plural: {} for plural, _ in NOUNS.values()}
    for kind, (plural, noun) in NOUNS.items():
        for section in resolved.of(kind):
            assert section.label is not None
            made = validate(noun, arrange(section, found), reading)
            if made is not None:
                groups[plural][section.label.text] = made
    heads = resolved.of("recipe")
    if not heads:
        start = Span(resolved.source, 0, 0)
        help = 'begin with `recipe NAME { about = "..." }`'
        found.append(
            Diagnostic("V001", "no-recipe", Severity.ERROR, "there is no `recipe` block", start, help=help)
        )
        return None, found
    head = arrange(heads[0], found)
    assert heads[0].label is not None
    head["name"] = heads[0].label.text
    head.update(groups)
    recipe = validate(Recipe, head, reading)
    declared = {kind: {s.label.text for s in resolved.of(kind) if s.label} for kind in NOUNS}
    found.extend(check_labels(resolved.sections))
    found.extend(check_names(reading.links, declared))
    if recipe is None or has_errors(found):
        return None, answered(found, resolved.sections)
    runs = {}
    for name, stage in recipe.stages.items():
        declared_as = resolved.find("stage", name)
        assert declared_as is not None
        runs[name] = expand(name, stage, declared_as, declared, found)
    recipe = with_bounds(recipe.model_copy(update={"runs": runs}))
    found.extend(check_cycles(recipe))
    found.extend(check_values(recipe))
    return (None if has_errors(found) else recipe), found
