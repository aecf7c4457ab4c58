"""What evals ask and expect, as texts that training data is compared with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import Any

from pydantic import TypeAdapter

from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.evaluate import (
    AnyTask,
    Decode,
    EvaluateJob,
    FreshTask,
    Judge,
    JudgedTask,
    NeedleTask,
    SuiteTask,
)

GENERATED = "its problems are made anew for each run"


@dataclass(frozen=True)
class Problem:
    """id, place: as in samples.jsonl. texts: what is asked and what is expected."""

    id: str
    place: str
    texts: tuple[str, ...]


@dataclass
class Problems:
    """Of a task. why: why they cannot be had; help: what to do about it."""

    problems: list[Problem] = field(default_factory=list)
    why: str | None = None
    help: str | None = None


def problems_of(context: Context, tasks: Sequence[AnyTask]) -> list[Problems]:
    """All problems of each task, also where an eval asks a subset. In a process of its own: lm-eval, datasets and what
    tasks import are not to stay in this one, which forks."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        try:
            found, inputs = pool.submit(_loaded, context, list(tasks)).result()
        except BrokenProcessPool as error:
            raise JobError("the process that reads the evals died", help="is there enough memory?") from error
    context.inputs.update(inputs)
    return found


_task: TypeAdapter[AnyTask] = TypeAdapter(AnyTask)


def texts_of_evals(context: Context, against: Iterable[dict[str, Any]]) -> Iterator[tuple[str, str, str]]:
    """Task, place and text of all that tasks (as in a job file) ask and expect. Raises JobError where one cannot be
    read."""
    tasks = [_task.validate_python(one) for one in against]
    for task, found in zip(tasks, problems_of(context, tasks), strict=True):
        if found.why is not None and found.why != GENERATED:
            help = f"{found.help}; or write `decontaminate = none`" if found.help else None
            raise JobError(f"rows cannot be compared with an eval: {found.why}", help)
        for problem in found.problems:
            for text in problem.texts:
                yield task.name, problem.place, text


def _loaded(context: Context, tasks: list[AnyTask]) -> tuple[list[Problems], dict[str, dict[str, Any]]]:
    return [_problems(context, task) for task in tasks], context.inputs


def _problems(context: Context, task: AnyTask) -> Problems:
    if isinstance(task, NeedleTask) or (isinstance(task, FreshTask) and task.variant == "generated"):
        return Problems(why=GENERATED)
    try:
        if isinstance(task, SuiteTask):
            return Problems(_of_suite(context, task))
        return Problems(_of_questions(context, task))
    except JobError as error:
        return Problems(why=error.message, help=error.help)


def _of_questions(context: Context, task: AnyTask) -> list[Problem]:
    from smolc.runtime.evaluate.tasks.base import load

    task = task.model_copy(update={"subset": None})
    if isinstance(task, JudgedTask):
        # What answers are compared with is no part of the questions.
        task = task.model_copy(update={"style": "grade", "against": None})
    loaded = load(context, _asking(context), task)
    ids = {question.place: question.id for question in loaded.questions}
    texts: dict[str, list[str]] = {place: [] for place in ids}
    for place, text in loaded.texts():
        texts.setdefault(place, []).append(text)
    return [Problem(ids.get(place, place), place, tuple(said)) for place, said in texts.items()]


def _asking(context: Context) -> EvaluateJob:
    """What tasks are loaded with: nobody is asked, and nothing is run."""
    return EvaluateJob(
        kind="evaluate",
        **{name: getattr(context.job, name) for name in ("id", "title", "stage", "needs", "seed")},
        device="cpu",
        role="test",
        subjects=(),
        checkpoints=False,
        tasks=(),
        decode=Decode(temperature=0.0, top_p=1.0, max_new=1),
        strip_thinking=None,
        strip=False,
        run_code=True,
        judge=Judge(name="", job="", template=None, max_new=1, pin=None),
        engine="transformers",
        batch=None,
        processes=1,
        precision="fp32",
        trust_remote_code=False,
    )


def _of_suite(context: Context, task: SuiteTask) -> list[Problem]:
    from smolc.runtime.evaluate.suite import load_suite

    tasks = load_suite(context, task)["tasks"]
    try:
        return list(suite_problems(tasks))
    except Exception as error:  # templates and functions of many authors
        said = str(error).strip().splitlines()
        raise JobError(
            f"task {task.task}: a prompt cannot be made: {said[0] if said else type(error).__name__}"
        ) from error


def suite_problems(tasks: dict[str, Any]) -> Iterator[Problem]:
    """Of lm-eval's tasks, by name; of choices, the right one."""
    for name, task in tasks.items():
        for number, doc in enumerate(task.eval_docs):
            asked, expected = task.doc_to_text(doc), task.doc_to_target(doc)
            choices = task.doc_to_choice(doc) if task.config.doc_to_choice is not None else None
            texts = tuple(text for value in (asked, expected) for text in _texts(value, choices))
            yield Problem(f"{name} {number}", f"{name} row {number + 1}", texts)


def _texts(value: object, choices: Sequence[object] | None) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, int):
        if choices is not None and 0 <= value < len(choices):
            yield str(choices[value])
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts(one, choices)
