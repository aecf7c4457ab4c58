"""`missing-file`: what the recipe reads and is not here. It need not be: a recipe is compiled anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from smolc.compiler.diagnostics import Diagnostic, Severity, Span
from smolc.compiler.model.checks import datasets_of
from smolc.compiler.model.methods import Dpo, Kto
from smolc.compiler.model.recipe import Recipe
from smolc.compiler.model.start import PathTokenizer
from smolc.compiler.plan.paths import located
from smolc.compiler.resolve import Resolved
from smolc.compiler.syntax import tree


def missing_files(recipe: Recipe, resolved: Resolved) -> Iterator[Diagnostic]:
    """Local data files and model folders that a stage or an eval reads and that do not exist here."""
    for name in _datasets(recipe):
        for written, span in _paths(name, recipe, resolved):
            if not _there(located(resolved, written, span), folder=False):
                yield _missing(f"there is no file `{written}` here", span)
    for name in _models(recipe):
        model = recipe.models[name]
        if model.path is not None:
            span = model.span_of("path")
            folder = located(resolved, model.path, span)
            if not _there(folder, folder=True):
                yield _missing(f"there is no folder `{model.path}` here", span)
            elif model.gguf is not None and not _there(folder / model.gguf, folder=False):
                yield _missing(f"there is no `{model.gguf}` in `{model.path}`", model.span_of("gguf"))
        if isinstance(model.tokenizer, PathTokenizer):
            span = model.tokenizer.span_of("folder")
            if not _there(located(resolved, model.tokenizer.folder, span), folder=True):
                yield _missing(f"there is no folder `{model.tokenizer.folder}` here", span)


def _missing(message: str, span: Span | None) -> Diagnostic:
    help = "it is read where the recipe runs, relative to the recipe's folder"
    return Diagnostic("F010", "missing-file", Severity.INFO, message, span, help=help)


def _there(path: Path, folder: bool) -> bool:
    try:
        return path.is_dir() if folder else path.is_file()
    except (OSError, ValueError):
        return False


def _datasets(recipe: Recipe) -> list[str]:
    """Those that are read, in the order of their declaration."""
    used = {d for stage in recipe.stages.values() for d in datasets_of(stage, recipe)}
    used |= {task.data.name for evaluation in recipe.evals.values() for task in evaluation.task.values()}
    return [name for name in recipe.datasets if name in used]


def _models(recipe: Recipe) -> list[str]:
    used = {link.name for evaluation in recipe.evals.values() for link in evaluation.of}
    for stage in recipe.stages.values():
        used.add(stage.init.name)
        if isinstance(stage.method, (Dpo, Kto)) and stage.method.reference is not None:
            used.add(stage.method.reference.name)
    return [name for name in recipe.models if name in used]


def _paths(name: str, recipe: Recipe, resolved: Resolved) -> Iterator[tuple[str, Span | None]]:
    """Each path with its own place."""
    dataset = recipe.datasets[name]
    section = resolved.find("dataset", name)
    field = section.fields.get("path") if section else None
    if field is not None and isinstance(field.value, tree.List):
        for item in field.value.items:
            if isinstance(item, tree.Text):
                yield item.value, item.span
    else:
        for path in dataset.path or ():
            yield path, dataset.span_of("path")
