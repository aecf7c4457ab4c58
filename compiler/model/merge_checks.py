"""What must hold of a `merge` as a whole."""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Diagnostic, Label, Severity, Span
from smolc.compiler.model.merge import Linear, Merge, Slerp, Soup
from smolc.compiler.model.recipe import Recipe
from smolc.compiler.model.stage import SAVE_EVERY, Stage
from smolc.compiler.model.types import Link


def check_merge(name: str, merge: Merge, recipe: Recipe) -> Iterator[Diagnostic]:
    yield from _inputs(name, merge)
    method = merge.method
    if isinstance(method, Linear) and len(method.weights) != len(merge.of):
        message = f"{_count(len(merge.of), 'input')}, and {_count(len(method.weights), 'weight')}"
        labels = _labels((merge.span_of("of"), "these are merged"))
        help = "write a weight for each, or `method = soup` for equal ones"
        yield _error("C071", "merge-weights", message, method.span_of("weights"), help, labels)
    if merge.like is not None and merge.of and merge.like.name not in {link.name for link in merge.of}:
        message = f"merge `{name}` is like `{merge.like}`, which does not go into it"
        help = f"write one of {', '.join(f'`{link}`' for link in merge.of)}"
        yield _error("C072", "like-no-input", message, merge.like.span, help)
    if merge.checkpoints == "all":
        yield from _checkpoints(name, merge, recipe)


def _inputs(name: str, merge: Merge) -> Iterator[Diagnostic]:
    seen: dict[str, Link] = {}
    for link in merge.of:
        same = seen.setdefault(link.name, link)
        if same is not link:
            message = f"merge `{name}` has `{link.name}` twice"
            labels = _labels((same.span, "the first time"))
            help = "take one of them out; `linear` gives an input more weight"
            yield _error("C070", "merge-inputs", message, link.span, help, labels)
    span, count = merge.span_of("of"), len(merge.of)
    if isinstance(merge.method, Slerp) and count != 2:
        message = f"slerp goes from one model to another, and merge `{name}` has {_count(count, 'input')}"
        help = "merge two of them first, in a merge of their own, or write `method = soup`"
        labels = _labels((merge.method.span, "for two"))
        yield _error("C070", "merge-inputs", message, span, help if count > 2 else "name two models", labels)
    elif count < 2 and merge.checkpoints == "none":
        message = f"merge `{name}` has {_count(count, 'input')}, and nothing to merge it with"
        help = (
            "name at least two; for a mean over the checkpoints that a stage keeps, add `checkpoints = all`"
        )
        yield _error("C070", "merge-inputs", message, span, help if count else "name at least two models")


def _checkpoints(name: str, merge: Merge, recipe: Recipe) -> Iterator[Diagnostic]:
    span = merge.span_of("checkpoints")
    stages = {link.name: recipe.stages[link.name] for link in merge.of if link.name in recipe.stages}
    if not isinstance(merge.method, Soup):
        message = f"how many checkpoints there are is known once they are trained, and {merge.method.word} needs it before"
        help = "write `method = soup`, or leave `checkpoints` out"
        labels = _labels((merge.method.span, "for a known number of inputs"))
        yield _error("C073", "merge-checkpoints", message, span, help, labels)
    elif not stages:
        message = f"merge `{name}` takes checkpoints, and no stage is in `of`, which could have any"
        yield _error("C073", "merge-checkpoints", message, span, "leave `checkpoints` out")
    elif all(_keeps_its_last_only(stage) for stage in stages.values()):
        named = " and ".join(f"`{stage}`" for stage in stages)
        message = f"merge `{name}` takes checkpoints, and of {named} only the last is kept, which is the stage itself"
        spans = [
            stage.span_of("keep") if stage.keep < 2 else stage.span_of("save_every")
            for stage in stages.values()
        ]
        labels = _labels(*((span, "so that there is one") for span in spans))
        help = "write `keep = 4` and `save_every = 20%` there, say, or leave `checkpoints` out"
        yield _error("C073", "merge-checkpoints", message, span, help, labels)


def _keeps_its_last_only(stage: Stage) -> bool:
    """Not of a halved grid, whose runs keep some at its rungs, too."""
    save, length = stage.save_every or SAVE_EVERY, stage.length
    at_its_end = save.value >= 1 if save.unit == "%" else length.unit == "step" and save.value >= length.value
    return (stage.keep < 2 or at_its_end) and not (stage.sweep is not None and stage.sweep.halve_at)


def _labels(*said: tuple[Span | None, str]) -> tuple[Label, ...]:
    return tuple(Label(span, text) for span, text in said if span is not None)


def _count(count: int, word: str) -> str:
    return f"{count or 'no'} {word}{'' if count == 1 else 's'}"


def _error(
    code: str, name: str, message: str, span: Span | None, help: str, labels: tuple[Label, ...] = ()
) -> Diagnostic:
    return Diagnostic(code, name, Severity.ERROR, message, span, labels, help=help)
