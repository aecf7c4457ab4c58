"""The recipe's own rows: exact match of what is extracted from an answer with what is extracted from the reference."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from smolc.runtime.data.filters import keeps, needs_measures
from smolc.runtime.data.formats import Chat, Example, Judged, Message, Pair, converter
from smolc.runtime.data.rows import Problems, Row, RowError
from smolc.runtime.evaluate.answers import extract, without_thinking
from smolc.runtime.evaluate.tasks.base import (
    Asked,
    Question,
    Questions,
    Verdict,
    draw,
    questions_of,
    stratum_of,
)
from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.evaluate import EvaluateJob, Extract, OwnTask

NOTHING = {"after": "nothing after {!r}", "last_number": "no number", "whole": "nothing"}


@dataclass
class OwnRows(Questions):
    """`data` of a question is its reference, the last turn of the assistant; `gold` what is extracted from it."""

    questions: list[Question]
    how: Extract
    metric: str = "exact_match"

    def texts(self) -> Iterator[tuple[str, str]]:
        for question in self.questions:
            for message in (*question.messages, question.data):
                if message["role"] == "user" or message is question.data:
                    yield question.place, str(message["content"])

    def score(self, asked: Asked) -> Verdict:
        found = extract(asked.last, self.how)
        if found is None:
            return Verdict(0.0, None, nothing_found(self.how), no_answer=True)
        right = found == asked.question.gold
        return Verdict(float(right), found, None if right else "another answer")


def nothing_found(how: Extract) -> str:
    return NOTHING[how.type].format(how.marker)


def load(context: Context, job: EvaluateJob, task: OwnTask) -> OwnRows:
    """The rows that meet `where`, or a subset of them. Raises JobError naming the bad rows, if there are none, or if
    `where` asks for what only rendered rows have."""
    if needs_measures(task.where):
        raise JobError(
            f"{task.name}: `where` asks for the length of a row, which only training data has",
            help="filter an eval's rows by their columns",
        )
    convert = converter(task.format, task.system)

    def make(row: Row) -> Question | None:
        if not keeps(row.data, task.where):
            return None
        found = _question(row.place, convert(row.data), task.extract, job.strip_thinking)
        if found is not None:
            found.stratum = stratum_of(row.data, task.strata)
        return found

    bad = Problems(task.name)
    questions = questions_of(context, task.location, bad, make)
    bad.check("correct these rows, or the dataset's format")
    if not questions:
        why = ": `where` dropped them all" if task.where is not None else ""
        raise JobError(f"{task.name}: no rows to evaluate{why}", help="check the dataset's files and where")
    return OwnRows(draw(questions, task.subset, lambda q: q.stratum, job.seed), task.extract)


def _question(
    place: str, example: Example, how: Extract, thinking: tuple[str, str] | None
) -> Question | None:
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
    reference: Message = messages[last]
    text = str(reference["content"])
    gold = extract(without_thinking(text, thinking)[0] if thinking else text, how)
    if gold is None:
        raise RowError(f"expected a reference answer, found {nothing_found(how)} in {text[-60:]!r}")
    return Question(place, place, messages[:last], gold, tools=tools, kwargs=kwargs, data=reference)
