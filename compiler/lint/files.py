"""`missing-file`: what the recipe reads and is not here. It need not be: a recipe is compiled anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from smolc.compiler.diagnostics import Diagnostic, Severity, Span
from smolc.compiler.lint.patterns import any_file
from smolc.compiler.model.addresses import is_pattern, is_remote
from smolc.compiler.model.checks import datasets_of
from smolc.compiler.model.methods import Dpo, Kto
from smolc.compiler.model.pair_uses import data_read, models_asked
from smolc.compiler.model.recipe import Recipe
from smolc.compiler.model.start import PathTokenizer
from smolc.compiler.plan.paths import located
from smolc.compiler.resolve import Resolved
from smolc.compiler.syntax import tree

MOST = 3
"""Findings about single files; what is missing beyond them is said in one."""


def missing_files(recipe: Recipe, resolved: Resolved) -> list[Diagnostic]:
    """Local data files and model folders that a stage or an eval reads and that do not exist here."""
    found = list(_missing(recipe, resolved))
    shown = found if len(found) <= MOST + 1 else found[:MOST]
    said = [_said(message, span) for message, span in shown]
    if len(found) > len(shown):
        span, more = found[MOST][1], len(found) - MOST - 1
        others = f"are {more:,} others" if more > 1 else "is 1 other"
        said.append(_said(f"this is not here either, and neither {others}", span))
    return said


def _missing(recipe: Recipe, resolved: Resolved) -> Iterator[tuple[str, Span | None]]:
    used = _datasets(recipe)
    for name, written, span in data_paths(recipe, resolved):
        if name not in used or is_remote(written):
            continue
        if is_pattern(written):
            if not any_file(located(resolved, "", span), written):
                yield f"no file here fits `{written}`", span
        elif not _there(located(resolved, written, span), folder=False):
            yield f"there is no file `{written}` here", span
    for name in _models(recipe):
        model = recipe.models[name]
        if model.path is not None:
            span = model.span_of("path")
            folder = located(resolved, model.path, span)
            if not _there(folder, folder=True):
                yield f"there is no folder `{model.path}` here", span
            elif model.gguf is not None and not _there(folder / model.gguf, folder=False):
                yield f"there is no `{model.gguf}` in `{model.path}`", model.span_of("gguf")
        if isinstance(model.tokenizer, PathTokenizer):
            span = model.tokenizer.span_of("folder")
            if not _there(located(resolved, model.tokenizer.folder, span), folder=True):
                yield f"there is no folder `{model.tokenizer.folder}` here", span


def _there(path: Path, folder: bool) -> bool:
    try:
        return path.is_dir() if folder else path.is_file()
    except (OSError, ValueError):
        return False


def _said(message: str, span: Span | None) -> Diagnostic:
    help = "it is read where the recipe runs, relative to the recipe's folder"
    return Diagnostic("F010", "missing-file", Severity.INFO, message, span, help=help)


def _datasets(recipe: Recipe) -> set[str]:
    """Those that are read."""
    used = {d for stage in recipe.stages.values() for d in datasets_of(stage, recipe)} | data_read(recipe)
    return used | {
        task.data.name for evaluation in recipe.evals.values() for task in evaluation.task.values()
    }


def _models(recipe: Recipe) -> list[str]:
    used = {link.name for evaluation in recipe.evals.values() for link in evaluation.of}
    used |= {link.name for merge in recipe.merges.values() for link in merge.of} | models_asked(recipe)
    for stage in recipe.stages.values():
        used.add(stage.init.name)
        if isinstance(stage.method, (Dpo, Kto)) and stage.method.reference is not None:
            used.add(stage.method.reference.name)
    return [name for name in recipe.models if name in used]


def data_paths(recipe: Recipe, resolved: Resolved) -> Iterator[tuple[str, str, Span | None]]:
    """The name of each dataset with each of its paths and addresses, and the path's own place."""
    sections = {section.label.text: section for section in resolved.of("dataset") if section.label}
    for name, dataset in recipe.datasets.items():
        if dataset.path is None:
            continue
        field = sections[name].fields.get("path") if name in sections else None
        if field is not None and isinstance(field.value, tree.List):
            for item in field.value.items:
                if isinstance(item, tree.Text):
                    yield name, item.value, item.span
        else:
            for path in dataset.path:
                yield name, path, dataset.span_of("path")
