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


JOBS = ("model", "stage", "merge", "generate", "pairs", "eval")
"""Kinds whose labels become names of jobs."""

TAKEN = {
    "report": "the name of the last job",
    "contamination": "the name of the job that compares data with evals",
}
"""Names of jobs that are not a recipe's to give."""


def check_labels(sections: Iterable[Section]) -> Iterator[Diagnostic]:
    """Models, stages, evals and what is generated share one space of names, since each is a job, and `init` may name two
    of them; so do pairs, datasets and mixtures, which `data` may name."""
    seen, data = dict(TAKEN), dict[str, str]()
    for section in sections:
        kind, label = section.kind.text, section.label
        if label is None:
            continue
        what = {"eval": "an eval", "generate": "a `generate`", "pairs": "`pairs`"}.get(kind, f"a {kind}")
        said = seen.get(label.text) if kind in JOBS else None
        if kind in ("dataset", "mixture", "pairs"):
            other = data.setdefault(label.text, kind)
            if other != kind and "pairs" in (other, kind):
                said = "`pairs`" if other == "pairs" else f"a {other}"
        if said is not None:
            message = f"`{label.text}` is {said}" + (f" and {what}" if label.text not in TAKEN else "")
            yield _error("L005", "name-taken", message, label.span, "give one of them another name")
        if kind in JOBS:
            seen.setdefault(label.text, what)


def _one(link: Link, kinds: tuple[str, ...], declared: Declared) -> Iterator[Diagnostic]:
    fitting = [k for k in kinds if link.name in declared[k]]
    what = " or ".join(kinds)
    if not fitting:
        other = next((k for k, labels in declared.items() if link.name in labels), None)
        if other is not None:
            message = f"`{link.name}` is a {other}, not a {what}"
            yield _error("L001", "wrong-kind", message, link.span, _instead(link.name, kinds, declared))
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


def _instead(name: str, kinds: tuple[str, ...], declared: Declared) -> str:
    """What a name of another kind may have meant."""
    names = {n: k for k in kinds for n in sorted(declared[k])}
    near = closest(name, list(names)) or (next(iter(names)) if len(names) == 1 else None)
    if near:
        return f"did you mean the {names[near]} `{near}`?"
    if names:
        return "there is " + ", ".join(f"the {kind} `{label}`" for label, kind in list(names.items())[:5])
    return f"declare one: `{kinds[0]} another_name {{ ... }}`"


def _error(code: str, name: str, message: str, span: Span, help: str | None = None) -> Diagnostic:
    return Diagnostic(code, name, Severity.ERROR, message, span, help=help)


def check_cycles(recipe: Recipe) -> Iterator[Diagnostic]:
    """One report for each cycle among stages and merges."""
    done: set[str] = set()
    for start in (*recipe.stages, *recipe.merges):
        yield from _cycles(recipe, start, [], done)


def _cycles(
    recipe: Recipe, name: str, path: list[tuple[str, str, Link]], done: set[str]
) -> Iterator[Diagnostic]:
    """path: from where the search began, stage by stage: the stage, and how and where it names the next."""
    names = [stage for stage, _, _ in path]
    if name in names:
        loop = path[names.index(name) :]
        labels = tuple(
            Label(link.span, f"`{stage}` {how} `{after}`")
            for (stage, how, link), after in zip(loop, [*(s for s, _, _ in loop[1:]), name], strict=True)
        )
        turn = " -> ".join([*(stage for stage, _, _ in loop), name])
        message, help = f"stages start from each other: {turn}", "one of them has to start from a model"
        if any(how == MERGES for _, how, _ in loop):
            message, help = f"merges and stages need each other: {turn}", "merge what is made before"
        elif any(how != STARTS for _, how, _ in loop):
            message, help = (
                f"stages need each other: {turn}",
                "answers come from a model that is trained before",
            )
        yield Diagnostic(
            "L004", "stage-cycle", Severity.ERROR, message, loop[-1][2].span, labels=labels[:-1], help=help
        )
        return
    if name in done:
        return
    for how, link, stage in _needs(recipe, name):
        yield from _cycles(recipe, stage, [*path, (name, how, link)], done)
    done.add(name)


STARTS = "starts from"
LEARNS = "learns from answers of"
JUDGED = "learns from pairs that are judged by"
MERGES = "merges"


def _needs(recipe: Recipe, name: str) -> list[tuple[str, Link, str]]:
    """The stages and merges that have to be made before a stage, in all runs of its grid, or before a merge; each once,
    with how it needs them and where it says so."""
    found: dict[str, tuple[str, Link, str]] = {}
    made_by_jobs = recipe.stages.keys() | recipe.merges.keys()
    if name in recipe.merges:
        merged = {link.name: link for link in recipe.merges[name].of if link.name in made_by_jobs}
        return [(MERGES, link, needed) for needed, link in merged.items()]
    for stage in [recipe.stages[name], *(run.stage for run in recipe.runs.get(name, ()))]:
        links = [(STARTS, stage.init, stage.init.name)]
        if isinstance(stage.method, (Dpo, Kto)) and stage.method.reference is not None:
            links.append((STARTS, stage.method.reference, stage.method.reference.name))
        for label in pairs_of(stage.data.name, recipe):
            made = recipe.pairs[label]
            answers = [x.name for x in made.answers if x.name in recipe.generates]
            links += [(LEARNS, stage.data, recipe.generates[one].of.name) for one in answers]
            links += [(JUDGED, stage.data, link.name) for link in made.judges]
        for how, link, needed in links:
            if needed in made_by_jobs:
                found.setdefault(needed, (how, link, needed))
    return list(found.values())


def pairs_of(data: str, recipe: Recipe) -> list[str]:
    """The `pairs` that a stage's data is made of."""
    rows = [row.dataset.name for row in recipe.mixtures[data].rows] if data in recipe.mixtures else [data]
    return [name for name in dict.fromkeys(rows) if name in recipe.pairs]


def stage_order(recipe: Recipe) -> list[str]:
    """Stages so that each stands after what it needs; otherwise as declared."""
    return [name for name in making_order(recipe) if name in recipe.stages]


def making_order(recipe: Recipe) -> list[str]:
    """Stages and merges so that each stands after what it needs; otherwise stages first, as declared."""
    order: list[str] = []

    def visit(name: str) -> None:
        if name in order:
            return
        for _, _, stage in _needs(recipe, name):
            visit(stage)
        order.append(name)

    for name in (*recipe.stages, *recipe.merges):
        visit(name)
    return order
