"""The recipe's own rows as a task of lm-eval."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from lm_eval.api.instance import Instance
from lm_eval.api.metrics import mean
from lm_eval.api.task import Task

from smolc.runtime.data.filters import keeps, needs_measures
from smolc.runtime.data.formats import Chat, Example, Judged, Message, Pair, converter
from smolc.runtime.data.rows import Problems, RowError
from smolc.runtime.data.sources import read
from smolc.runtime.data.template import ChatTemplate, RenderError
from smolc.runtime.evaluate.answers import extract, without_thinking
from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.evaluate import Extract, OwnTask


@dataclass
class Problem:
    """place: file and line. messages: up to the last turn of the assistant; reference: that turn; gold: what is
    extracted from it."""

    place: str
    messages: list[Message]
    reference: Message
    tools: list[Any] | None
    kwargs: dict[str, Any]
    gold: str


def read_problems(context: Context, task: OwnTask, thinking: tuple[str, str] | None) -> list[Problem]:
    """The first `task.rows` rows that meet `where`. Raises JobError naming the bad rows, if there are none, or if
    `where` asks for what only rendered rows have."""
    if needs_measures(task.where):
        raise JobError(
            f"{task.name}: `where` asks for the length of a row, which only training data has",
            help="filter an eval's rows by their columns",
        )
    problems: list[Problem] = []
    bad = Problems(task.name)
    convert = converter(task.format, task.system)
    for row in read(task.location, context, bad):
        try:
            if keeps(row.data, task.where):
                found = _problem(row.place, convert(row.data), task.extract, thinking)
                if found is not None:
                    problems.append(found)
        except RowError as error:
            bad.add(row.place, str(error))
        if task.rows is not None and len(problems) >= task.rows:
            break
    bad.check("correct these rows, or the dataset's format")
    if not problems:
        why = ": `where` dropped them all" if task.where is not None else ""
        raise JobError(f"{task.name}: no rows to evaluate{why}", help="check the dataset's files and where")
    return problems


def _problem(place: str, example: Example, how: Extract, thinking: tuple[str, str] | None) -> Problem | None:
    tools, kwargs = None, {}
    if isinstance(example, Chat):
        messages, tools, kwargs = example.messages, example.tools, example.kwargs
    elif isinstance(example, Pair):
        messages = example.prompt + example.chosen
    elif isinstance(example, Judged):
        if not example.label:
            return None
        messages = example.prompt + example.completion
    else:
        raise RowError("expected a conversation with a reference answer, found plain text")
    last = max((i for i, m in enumerate(messages) if m["role"] == "assistant"), default=0)
    if last == 0:
        raise RowError("expected a turn of the assistant after a prompt, as the reference answer")
    reference = str(messages[last]["content"])
    if thinking:
        reference = without_thinking(reference, thinking)[0]
    gold = extract(reference, how)
    if gold is None:
        nothing = {"after": f"nothing after {how.marker!r}", "last_number": "no number", "whole": "nothing"}
        raise RowError(f"expected a reference answer, found {nothing[how.type]} in {reference[-60:]!r}")
    return Problem(place, messages[:last], messages[last], tools, kwargs, gold)


def render(problem: Problem, template: ChatTemplate | None) -> str:
    """The prompt; without a template, the plain text of the messages. Raises JobError."""
    if template is None:
        return "\n\n".join(str(m["content"]) for m in problem.messages)
    try:
        return template.render(problem.messages, problem.tools, problem.kwargs, prompt=True)[0]
    except RenderError as error:
        raise JobError(f"{problem.place}: {error}", help="does this template know such messages?") from error


class OwnRows(Task):  # type: ignore[misc]
    """Exact match of what is extracted. A document is (prompt, gold); each stands `k` times, one after the
    other: lm-eval's own `repeats` end in a filter that keeps the first sample."""

    VERSION = 1
    OUTPUT_TYPE = "generate_until"

    def __init__(self, name: str, how: Extract, rows: list[tuple[str, str]], k: int) -> None:
        self.rows = [{"prompt": prompt, "gold": gold} for prompt, gold in rows for _ in range(k)]
        self.how = how
        super().__init__(config={"task": name, "output_type": "generate_until", "num_fewshot": 0})

    def download(self, *_: Any, **__: Any) -> None:
        """The rows are here already."""

    def has_training_docs(self) -> bool:
        return False

    def has_validation_docs(self) -> bool:
        return False

    def has_test_docs(self) -> bool:
        return True

    def test_docs(self) -> list[dict[str, str]]:
        return self.rows

    def doc_to_text(self, doc: dict[str, str]) -> str:
        return doc["prompt"]

    def doc_to_target(self, doc: dict[str, str]) -> str:
        return doc["gold"]

    def fewshot_context(self, doc: dict[str, str], *_: Any, **__: Any) -> str:
        """The prompt as it was rendered, with nothing around it."""
        return doc["prompt"]

    def construct_requests(self, doc: dict[str, str], ctx: str, **kwargs: Any) -> Instance:
        return Instance(
            request_type="generate_until", doc=doc, arguments=(ctx, {}), idx=0, metadata=kwargs["metadata"]
        )

    def process_results(self, doc: dict[str, str], results: list[str]) -> dict[str, float]:
        return {"exact_match": float(extract(results[0], self.how) == doc["gold"])}

    def aggregation(self) -> dict[str, Callable[..., float]]:
        return {"exact_match": mean}

    def higher_is_better(self) -> dict[str, bool]:
        return {"exact_match": True}


def repeat_documents(task: Any, rows: int | None, k: int) -> None:
    """Let an lm-eval task yield its first `rows` documents k times each, as documents of their own; sample j
    of document i becomes number i * k + j."""
    original = task.doc_iterator

    def iterate(**given: Any) -> Iterator[tuple[int, Any]]:
        for number, doc in original(**{**given, "limit": rows}):
            for j in range(k):
                yield number * k + j, doc

    task.doc_iterator = iterate
