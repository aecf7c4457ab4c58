"""What must hold among `publish` blocks and the stages that they name."""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Diagnostic, Severity, Span
from smolc.compiler.model.methods import Full
from smolc.compiler.model.publish import Publish
from smolc.compiler.model.recipe import Recipe


def check_publish(recipe: Recipe) -> Iterator[Diagnostic]:
    """All `publish` blocks: what is pushed was trained, and no two are pushed to one place."""
    taken: dict[str, str] = {}
    for name, publish in recipe.publishes.items():
        if publish.of.name in recipe.models:
            message = f"`{publish.of.name}` is a start model: nothing was trained that could be pushed"
            yield _error("C054", "nothing-to-publish", message, publish.span_of("of"), "name a stage")
        other = taken.setdefault(publish.to.lower(), name)
        if other != name:
            message = (
                f"`{name}` and `{other}` are pushed to one repository, where one would replace the other"
            )
            yield _error("C055", "one-repository", message, publish.span_of("to"), "give each its own")
        if publish.weights == "adapter":
            yield from _adapter(publish, recipe)


def _adapter(publish: Publish, recipe: Recipe) -> Iterator[Diagnostic]:
    stage = recipe.stages.get(publish.of.name)
    span = publish.span_of("weights")
    if publish.of.name in recipe.merges:
        message = f"merge `{publish.of.name}` is made of whole models: there is no adapter to push"
        yield _error("C056", "no-adapter", message, span, "leave `weights` out")
    if stage is None:
        return
    if all(isinstance(run.stage.adapter, Full) for run in recipe.runs[publish.of.name]):
        message = f"stage `{publish.of.name}` trains all weights: there is no adapter to push"
        yield _error("C056", "no-adapter", message, span, "leave `weights` out, or give the stage an adapter")
        return
    start = stage.init.name
    on_hub = start in recipe.models and recipe.models[start].hub is not None
    if not on_hub and not any(
        one.of.name == start and one.weights == "merged" for one in recipe.publishes.values()
    ):
        message = f"the adapter of `{publish.of.name}` needs `{start}`, which is not on the hub"
        # A start model of its own cannot be published (C054).
        too = "" if start in recipe.models else f", or publish `{start}` too"
        help = f"leave `weights` out, which pushes the merged model{too}"
        yield _error("C057", "base-not-published", message, span, help)


def _error(code: str, name: str, message: str, span: Span | None, help: str) -> Diagnostic:
    return Diagnostic(code, name, Severity.ERROR, message, span, help=help)
