"""What the recipe's evals ask and expect, as texts that training rows are compared with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import Any

from smolc.runtime.data.filters import keeps
from smolc.runtime.data.formats import Chat, Example, Message, Pair, Text, converter
from smolc.runtime.data.rows import Problems, RowError
from smolc.runtime.data.sources import read
from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.evaluate import SuiteTask
from smolc.runtime.jobs.prepare import Tested


def texts_of_evals(context: Context, against: tuple[Tested, ...]) -> Iterator[tuple[str, str, str]]:
    """What each eval asks (the user's turns) and expects (its reference answer): name, place, text. Raises JobError
    where an eval's rows cannot be read."""
    for one in against:
        if one.suite is not None:
            texts: Iterable[tuple[str, str]] = _suite_elsewhere(one.suite)
        else:
            texts = _own(one, context)
        for place, text in texts:
            yield one.name, place, text


def _own(one: Tested, context: Context) -> Iterator[tuple[str, str]]:
    assert one.location is not None and one.format is not None
    convert = converter(one.format, one.system)
    problems = Problems(one.name)
    count = 0
    for row in read(one.location, context, problems):
        if one.rows is not None and count >= one.rows:
            break
        try:
            if keeps(row.data, one.where) is False:
                continue
            example = convert(row.data)
        except RowError as error:
            problems.add(row.place, str(error))
            continue
        count += 1
        for text in _asked_and_expected(example):
            yield row.place, text
    problems.check("correct these rows, or the dataset's format: training data is compared with them")


def _asked_and_expected(example: Example) -> Iterator[str]:
    if isinstance(example, Text):
        yield example.text
        return
    messages: list[Message]
    if isinstance(example, Chat):
        messages = example.messages
    elif isinstance(example, Pair):
        messages = [*example.prompt, *example.chosen]
    else:
        messages = [*example.prompt, *(example.completion if example.label else [])]
    last = max((i for i, m in enumerate(messages) if m["role"] == "assistant"), default=None)
    for i, message in enumerate(messages):
        if message["role"] == "user" or i == last:
            yield message["content"]


def _suite_elsewhere(name: str) -> list[tuple[str, str]]:
    """In a process of its own: lm-eval, datasets and what tasks import are not to stay in this one, which forks."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        try:
            return pool.submit(_suite, name).result()
        except BrokenProcessPool as error:
            raise JobError(
                f"task {name}: the process that reads it died", help="is there enough memory?"
            ) from error
        except JobError as error:
            help = f"{error.help}; or write `decontaminate = none`" if error.help else None
            raise JobError(f"rows cannot be compared with an eval: {error.message}", help) from error


def _suite(name: str) -> list[tuple[str, str]]:
    from smolc.runtime.evaluate.suite import load_suite

    task = SuiteTask(type="suite", name=name, task=name, metric="", rows=None, avg=1, max_new=None)
    return list(suite_texts(load_suite(task)["tasks"]))


def suite_texts(tasks: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Place and text of all that lm-eval's tasks (by name) ask and expect; of choices, the right one."""
    for name, task in tasks.items():
        for number, doc in enumerate(task.eval_docs, 1):
            place = f"{name} row {number}"
            asked, expected = task.doc_to_text(doc), task.doc_to_target(doc)
            choices = task.doc_to_choice(doc) if task.config.doc_to_choice is not None else None
            for value in (asked, expected):
                for text in _texts(value, choices):
                    yield place, text


def _texts(value: object, choices: Sequence[object] | None) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, int):
        if choices is not None and 0 <= value < len(choices):
            yield str(choices[value])
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts(one, choices)
