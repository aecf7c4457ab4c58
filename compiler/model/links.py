"""References between blocks: every name must be declared, of the right kind, and the stages must form a DAG."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from smolc.compiler.diagnostics import Diagnostic, Label, Severity, Span
from smolc.compiler.diagnostics.suggest import closest
from smolc.compiler.model.methods import Dpo, Kto
from smolc.compiler.model.recipe import Recipe
from smolc.compiler.model.types import Link
from smolc.compiler.resolve import Section

Declared = Mapping[str, set[str]]
"""Labels by kind, also of blocks that have mistakes of their own: a reference to one is not a second mistake."""

PARTS = ("best",)


def check_names(links: Iterable[tuple[Link, tuple[str, ...]]], declared: Declared) -> list[Diagnostic]:
    """Each reference, also of blocks with other mistakes, names something declared of a kind that fits.

    The rows of a `from` block refer to its dataset at one place, of which one report is enough.
    """
    places = {(link.span, link.name, link.part): (link, kinds) for link, kinds in links}
    return [d for link, kinds in places.values() for d in _one(link, kinds, declared)]


JOBS = ("model", "stage", "eval")
"""Kinds whose labels become names of jobs."""

TAKEN = {
    "report": "the name of the last job",
    "contamination": "the name of the job that compares data with evals",
}
"""Names of jobs that are not a recipe's to give."""


def check_labels(sections: Iterable[Section]) -> Iterator[Diagnostic]:
    """Models, stages and evals share one space of names, since each is a job, and `init` may name two of them."""
    seen = dict(TAKEN)
    for section in sections:
        kind, label = section.kind.text, section.label
        if kind not in JOBS or label is None:
            continue
        if label.text in seen:
            said = seen[label.text]
            message = f"`{label.text}` is {said}" + (f" and a {kind}" if label.text not in TAKEN else "")
            yield _error("L005", "name-taken", message, label.span, "give one of them another name")
        seen.setdefault(label.text, f"a {kind}" if kind != "eval" else "an eval")


def _one(link: Link, kinds: tuple[str, ...], declared: Declared) -> Iterator[Diagnostic]:
    fitting = [k for k in kinds if link.name in declared[k]]
    what = " or ".join(kinds)
    if not fitting:
        other = next((k for k, labels in declared.items() if link.name in labels), None)
        if other is not None:
            message = f"`{link.name}` is a {other}, not a {what}"
            yield _error("L001", "wrong-kind", message, link.span)
            return
        near = closest(link.name, [n for k in kinds for n in sorted(declared[k])])
        hint = f"did you mean `{near}`?" if near else f"declare it: `{kinds[0]} {link.name} {{ ... }}`"
        yield _error("L002", "unknown-name", f"there is no {what} `{link.name}`", link.span, hint)
    elif link.part is not None and ("stage" not in fitting or link.part not in PARTS):
        near = closest(link.part, PARTS)
        help = f"did you mean `{link.name}.{near}`?" if near and "stage" in fitting else None
        message = f"`{link.name}` has no `{link.part}`"
        if "stage" in fitting:
            message += "; a stage has `best`, its grid's winner"
        yield _error("L003", "unknown-part", message, link.span, help)


def _error(code: str, name: str, message: str, span: Span, help: str | None = None) -> Diagnostic:
    return Diagnostic(code, name, Severity.ERROR, message, span, help=help)


def check_cycles(recipe: Recipe) -> Iterator[Diagnostic]:
    """One report for each cycle among the stages."""
    needs = {
        name: [link for link in _inits(recipe, name) if link.name in recipe.stages] for name in recipe.stages
    }
    done: set[str] = set()
    for start in needs:
        path: list[str] = []
        name: str | None = start
        while name is not None and name not in done:
            if name in path:
                loop = path[path.index(name) :]
                links = [
                    next(x for x in needs[a] if x.name == b)
                    for a, b in zip(loop, [*loop[1:], name], strict=True)
                ]
                first = links[-1]
                labels = tuple(
                    Label(x.span, f"`{a}` starts from `{x.name}`") for a, x in zip(loop, links, strict=True)
                )
                yield Diagnostic(
                    "L004",
                    "stage-cycle",
                    Severity.ERROR,
                    f"stages start from each other: {' -> '.join([*loop, name])}",
                    first.span,
                    labels=labels[:-1],
                    help="one of them has to start from a model",
                )
                break
            path.append(name)
            following = [x.name for x in needs[name] if x.name not in done]
            name = following[0] if following else None
        done.update(path)


def _inits(recipe: Recipe, name: str) -> list[Link]:
    """What a stage starts from and compares with, in all runs of its grid; each name once."""
    links: dict[str, Link] = {}
    for stage in [recipe.stages[name], *(run.stage for run in recipe.runs.get(name, ()))]:
        links.setdefault(stage.init.name, stage.init)
        if isinstance(stage.method, (Dpo, Kto)) and stage.method.reference is not None:
            links.setdefault(stage.method.reference.name, stage.method.reference)
    return list(links.values())


def stage_order(recipe: Recipe) -> list[str]:
    """Stages so that each stands after what it starts from; otherwise as declared."""
    order: list[str] = []

    def visit(name: str) -> None:
        if name in order:
            return
        for link in _inits(recipe, name):
            if link.name in recipe.stages:
                visit(link.name)
        order.append(name)

    for name in recipe.stages:
        visit(name)
    return order
