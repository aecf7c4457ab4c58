"""What a recipe says in its files: their texts, and the paths in them."""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Source, Span
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.files import data_paths
from smolc.compiler.model.addresses import is_remote
from smolc.compiler.model.start import HubTokenizer, PathTokenizer

Written = tuple[str, str, Span | None]
"""Whose it is, what was written, and where."""


def sources(context: Context) -> list[Source]:
    """The recipe's text and its parents', each once."""
    return context.remember("sources", lambda: _sources(context))


def _sources(context: Context) -> list[Source]:
    found = {context.resolved.source: None}
    found.update((section.head.source, None) for section in context.resolved.sections)
    found.update((comment.span.source, None) for comment in context.resolved.comments)
    return list(found)


def local_paths(context: Context) -> list[Written]:
    """Each path of a file or folder in the recipe."""
    return context.remember("local_paths", lambda: list(_local_paths(context)))


def _local_paths(context: Context) -> Iterator[Written]:
    recipe = context.recipe
    for name, model in recipe.models.items():
        if model.path is not None:
            yield f"model `{name}`", model.path, model.span_of("path")
        if isinstance(model.tokenizer, PathTokenizer):
            yield (
                f"the tokenizer of model `{name}`",
                model.tokenizer.folder,
                model.tokenizer.span_of("folder"),
            )
    for name, template in recipe.templates.items():
        if template.file is not None:
            yield f"template `{name}`", template.file, template.span_of("file")
    for name, path, span in data_paths(recipe, context.resolved):
        if not is_remote(path):
            yield f"dataset `{name}`", path, span


def addresses(context: Context) -> list[Written]:
    """Each address that data is read from."""
    paths = data_paths(context.recipe, context.resolved)
    return [(f"dataset `{name}`", path, span) for name, path, span in paths if is_remote(path)]


def hub_ids(context: Context) -> list[Written]:
    """Each hub id in the recipe."""
    return context.remember("hub_ids", lambda: list(_hub_ids(context)))


def _hub_ids(context: Context) -> Iterator[Written]:
    for name, model in context.recipe.models.items():
        if model.hub is not None:
            yield f"model `{name}`", model.hub, model.span_of("hub")
        if isinstance(model.tokenizer, HubTokenizer):
            yield f"the tokenizer of model `{name}`", model.tokenizer.id, model.tokenizer.span_of("id")
    for name, dataset in context.recipe.datasets.items():
        if dataset.hub is not None:
            yield f"dataset `{name}`", dataset.hub, dataset.span_of("hub")
