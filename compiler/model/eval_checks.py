"""What must hold of an `eval` as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from smolc.compiler.diagnostics import Diagnostic, Label, Severity, Span
from smolc.compiler.model.evaluation import Eval, Greedy
from smolc.compiler.model.filters import Measured, comparisons
from smolc.compiler.model.recipe import Recipe
from smolc.compiler.model.suite import SUITE
from smolc.compiler.model.tasks import OwnTask, SuiteTask
from smolc.compiler.model.types import describe
from smolc.compiler.syntax import tree


def scores_of(evaluation: Eval) -> list[str]:
    """Names of what an eval measures: each task, pass@k, and the loss of the reference answers of the recipe's own."""
    names = []
    for task in evaluation.tasks:
        names += [task.word, *(f"{task.word}_pass{k}" for k in task.pass_at)]
    for label, own in evaluation.task.items():
        names += [label, f"{label}_loss", *(f"{label}_pass{k}" for k in own.pass_at)]
    return names


def measuring(score: str, recipe: Recipe) -> tuple[str, Eval] | None:
    """The eval that measures a score for a grid's choice: the first that is no test, or the first."""
    found = [named for named in recipe.evals.items() if score in scores_of(named[1])]
    return min(found, key=lambda named: named[1].role == "test", default=None)


def check_eval(name: str, evaluation: Eval, recipe: Recipe) -> Iterator[Diagnostic]:
    yield from _asked(evaluation, recipe)
    yield from _tasks(name, evaluation)
    yield from _repeats(evaluation)
    yield from _needs(name, evaluation)
    yield from _expected(name, evaluation)


def _tasks(name: str, evaluation: Eval) -> Iterator[Diagnostic]:
    named = [(t.word, t.span) for t in evaluation.tasks]
    named += [(label, one.span) for label, one in (*evaluation.task.items(), *evaluation.vibe.items())]
    if not named:
        message = f"eval `{name}` has no tasks"
        yield _error(
            "C018", "no-tasks", message, evaluation.span, "add `tasks = [ifeval]` or a `task NAME { ... }`"
        )
    seen: dict[str, Span | None] = {}
    for label, span in named:
        if label in seen:
            message = f"eval `{name}` has two tasks called `{label}`"
            first = seen[label]
            labels = (Label(first, "the other one"),) if first else ()
            help = "give one of them another name" if label not in SUITE else "measure it once"
            yield replace(_error("C038", "task-named-twice", message, span, help), labels=labels)
        seen.setdefault(label, span)


def _repeats(evaluation: Eval) -> Iterator[Diagnostic]:
    greedy = isinstance(evaluation.decode, Greedy) or evaluation.decode.temperature == 0
    repeated: list[SuiteTask | OwnTask] = [*evaluation.tasks, *evaluation.task.values()]
    for one in repeated:
        if one.avg > 1 and greedy:
            message = f"greedy decoding gives the same answer {one.avg} times"
            help = "write `decode = sample(temperature = 0.6, top_p = 0.95, ...)`, or leave `avg` out"
            yield _error("C021", "average-of-one", message, one.span_of("avg"), help)
        most = max(one.pass_at, default=0)
        if most > one.avg:
            are = "is" if one.avg == 1 else "are"
            message = f"pass@{most} needs {most} answers to a problem, and {one.avg} {are} sampled"
            yield _error(
                "C039", "pass-of-too-few", message, one.span_of("pass_at"), f"write `avg = {most}` or more"
            )


def _needs(name: str, evaluation: Eval) -> Iterator[Diagnostic]:
    """What some tasks cannot do without."""
    for task in evaluation.tasks:
        kind = SUITE[task.word].type
        if kind == "judged" and evaluation.judge is None:
            message = f"`{task.word}` is judged by a model, and eval `{name}` names none"
            help = "declare one with open weights (`model NAME { hub = ..., revision = ... }`) and write `judge = NAME`"
            yield _error("C040", "no-judge", message, task.span, help)
        if kind == "code" and not evaluation.run_code:
            message = f"`{task.word}` runs programs that the model writes, which the recipe does not allow"
            help = "write `run_code = true` in the eval: they run alone, without network and within limits"
            yield _error("C041", "code-not-allowed", message, task.span, help)
    measured = scores_of(evaluation)
    for label, known in evaluation.replicates.items():
        if label not in measured:
            message = f"`{label}` is not measured by eval `{name}`"
            yield _error(
                "C042", "nothing-to-replicate", message, known.span, f"it measures {', '.join(measured)}"
            )


def _expected(name: str, evaluation: Eval) -> Iterator[Diagnostic]:
    tasks = scores_of(evaluation)
    names = {str(link) for link in evaluation.of} | {link.name for link in evaluation.of}
    for check in evaluation.expect:
        for _, term in check.right:
            if not isinstance(term, tree.Ref) and not (
                isinstance(term, tree.Number) and term.unit in (None, "%")
            ):
                message = f"a score is compared with numbers and other scores, not with {describe(term)}"
                yield _error("V012", "bad-check", message, term.span, "write `sft.gsm8k >= 60%`")
        paths = [check.left, *(t.path for _, t in check.right if hasattr(t, "path"))]
        for path in paths:
            subject, task = ".".join(p.text for p in path.parts[:-1]), path.parts[-1].text
            if subject not in names or task not in tasks:
                message = f"`{path}` is not measured by eval `{name}`"
                help = f"it measures {', '.join(tasks)} of {', '.join(sorted(names))}"
                yield _error("C019", "unknown-score", message, path.span, help)


def _asked(evaluation: Eval, recipe: Recipe) -> Iterator[Diagnostic]:
    """Rows of an eval's own are read as they are: nothing renders them before they are chosen."""
    for label, task in evaluation.task.items():
        dataset = task.data.name
        for one in comparisons(recipe.datasets[dataset].where) if dataset in recipe.datasets else ():
            if isinstance(one, Measured):
                message = (
                    f"`{one.measure}` is not known of the rows of an eval, and task `{label}` asks those"
                )
                help = f"compare columns in the `where` of `{dataset}`, or give the task a dataset of its own"
                place = task.span_of("data")
                labels = (Label(place, "asked here"),) if place else ()
                yield replace(_error("C036", "measure-in-eval", message, one.span, help), labels=labels)


def _error(code: str, name: str, message: str, span: Span | None, help: str | None = None) -> Diagnostic:
    assert span is not None
    return Diagnostic(code, name, Severity.ERROR, message, span, help=help)
