"""A copy of a task's data in place of what lm-eval would fetch from a hub."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import datasets

from smolc.runtime.data.rows import Problems
from smolc.runtime.data.sources import read
from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.evaluate import SuiteTask

SPLIT = "split"
"""Column by which rows of a copy are told apart, where a task needs examples from another split than it measures."""


@contextmanager
def copied(context: Context, task: SuiteTask) -> Iterator[None]:
    """While this lasts, lm-eval's tasks read the copy that the recipe names, if it does, whatever they ask for. Subtasks
    of a group divide it by its columns, as they divide the data of the hub. Raises JobError."""
    if task.location is None:
        yield
        return
    bad = Problems(task.name)
    rows = [row.data for row in read(task.location, context, bad)]
    bad.check("correct these rows")
    files = ", ".join(task.location.paths)
    if not rows:
        raise JobError(f"{task.name}: {files} has no rows", help="an eval of nothing has no score")
    splits: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        splits[str(row.get(SPLIT, ""))].append(row)
    unnamed = splits.pop("", None)
    original = datasets.load_dataset

    def load(*_: Any, **__: Any) -> Any:
        made = {name: datasets.Dataset.from_list(part) for name, part in splits.items()}
        whole = (
            datasets.Dataset.from_list(unnamed) if unnamed else made.get("test", next(iter(made.values())))
        )
        # What is missing is not to be taken for rows of its own: `tried` looks for it.
        for name in ("test", "testmini", "train", "validation", "dev"):
            made.setdefault(name, whole)
        return datasets.DatasetDict(made)

    datasets.load_dataset = load
    try:
        yield
    finally:
        datasets.load_dataset = original


def tried(task: SuiteTask, tasks: dict[str, Any]) -> None:
    """Raises JobError if a row of a copy lacks what the task makes its prompts, references and scores from, or if
    examples would be taken from the rows that are measured."""
    if task.location is None:
        return
    files = ", ".join(task.location.paths)
    for name, one in tasks.items():
        config = one.config
        shots = one.get_config("num_fewshot") or 0
        if shots and config.fewshot_split != (config.test_split or config.validation_split):
            given = one.dataset.get(config.fewshot_split) if one.dataset is not None else None
            if given is None or given is one.dataset.get(config.test_split):
                raise JobError(
                    f"{task.name}: {name} shows {shots} solved examples of its {config.fewshot_split} split, which {files} "
                    "does not have",
                    help=f'add those rows with `"{SPLIT}": "{config.fewshot_split}"`, and `"{SPLIT}": "test"` to the others',
                )
        for number, document in enumerate(one.eval_docs, 1):
            try:
                one.doc_to_text(document)
                one.doc_to_target(document)
                if one.OUTPUT_TYPE == "generate_until":
                    one.process_results(document, [""])
            except Exception as error:  # tasks are strangers' code: KeyError, UndefinedError, TypeError, ...
                raise unread(task, name, number, error) from error


def unread(task: SuiteTask, name: str, number: int | None, error: Exception) -> JobError:
    """Of a copy that one of lm-eval's tasks cannot read."""
    assert task.location is not None
    files = ", ".join(task.location.paths)
    if isinstance(error, IndexError) and number is None:
        what = "one of its subtasks has no rows: a copy has to have some of every category"
    else:
        what = f"there is no {error}" if isinstance(error, KeyError) else str(error) or repr(error)
    where = f"row {number} of {files} is" if number is not None else f"the rows of {files} are"
    return JobError(
        f"{task.name}: {where} not as {name} reads it: {what.splitlines()[0]}",
        help="a copy has to have the columns of the data that the hub has",
    )
