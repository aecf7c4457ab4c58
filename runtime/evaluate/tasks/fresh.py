"""Problems that no training data has: word problems from templates, or rows in GSM8K's shape (`question`, and `answer`
that ends with `#### N`) with a change that keeps the answer. Who has learnt GSM8K by heart does worse on them."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass

from smolc.runtime.data.rows import Problems, Row, RowError, found
from smolc.runtime.evaluate.answers import extract
from smolc.runtime.evaluate.fresh_problems import problems
from smolc.runtime.evaluate.perturb import perturbed
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
from smolc.runtime.jobs.evaluate import EvaluateJob, Extract, FreshTask

ASKED = '{problem}\n\nReason step by step, and end with "The answer is N.", where N is a number.'
NUMBER = Extract(type="last_number", marker=None)
_SAID = re.compile(r"\banswer\s+is\b:?", re.IGNORECASE)
_GOLD = re.compile(r"####\s*([^\n]+)\s*$")


@dataclass(frozen=True)
class Fresh:
    """problem: as it is asked. original: the row's, where it is one."""

    problem: str
    original: str | None = None


@dataclass
class FreshProblems(Questions):
    """`data` of a question is a Fresh."""

    questions: list[Question]
    metric: str = "exact_match"

    def score(self, asked: Asked) -> Verdict:
        said = number_in(asked.last)
        if said is None:
            return Verdict(0.0, note="no number", no_answer=True)
        right = said == asked.question.gold
        return Verdict(float(right), said, None if right else "another answer")

    def texts(self) -> Iterator[tuple[str, str]]:
        """The problems, without what all are asked for; and the rows that they were."""
        for question in self.questions:
            yield question.place, question.data.problem
            if question.data.original is not None:
                yield question.place, question.data.original


def number_in(text: str) -> str | None:
    """The last number of the sentence that says what the answer is; of the text, where there is no such number."""
    said = list(_SAID.finditer(text))
    if said:
        sentence = re.split(r"\n|[.!?](?=\s)", text[said[-1].end() :].lstrip(), maxsplit=1)[0]
        number = extract(sentence, NUMBER)
        if number is not None:
            return number
    return extract(text, NUMBER)


def load(context: Context, job: EvaluateJob, task: FreshTask) -> FreshProblems:
    """The problems, or a subset of them, stratified by template or kind of change. Raises JobError naming the bad rows,
    or if there are none."""
    questions = _generated(task) if task.variant == "generated" else _perturbed(context, task)
    if not questions:
        raise JobError(f"{task.name}: no problems to ask", help="check `problems`, or the task's files")
    return FreshProblems(draw(questions, task.subset, lambda q: q.stratum, job.seed))


def _generated(task: FreshTask) -> list[Question]:
    return [
        _question(
            f"{task.refresh}-{i}",
            f"generated (refresh {task.refresh}), number {i}",
            str(gold),
            kind,
            Fresh(text),
        )
        for i, (kind, text, gold) in enumerate(problems(task.problems, task.refresh), 1)
    ]


def _perturbed(context: Context, task: FreshTask) -> list[Question]:
    if task.location is None:
        raise JobError(
            f"{task.name}: nothing to perturb", help="name the dataset whose rows are to be changed"
        )
    bad = Problems(task.name)
    questions = questions_of(context, task.location, bad, lambda row: _of_row(row, task))
    bad.check('expected rows of GSM8K: "question", and "answer" that ends with "#### 42"')
    return questions


def _of_row(row: Row, task: FreshTask) -> Question:
    for column in ("question", "answer"):
        value = row.data.get(column)
        if not isinstance(value, str) or not value.strip():
            raise RowError(f"expected a text in `{column}`, found {found(value)}")
    question, answer = row.data["question"].strip(), row.data["answer"]
    marked = _GOLD.search(answer)
    gold = extract(marked[1], NUMBER) if marked else None
    if gold is None:
        raise RowError(f"expected `#### ` and a number at the end of `answer`, found {found(answer[-40:])}")
    # By what it says: other rows before it do not change it.
    try:
        kind, text = perturbed(question, random.Random(f"perturbed {task.refresh} {question}"))
    except ValueError as error:
        raise RowError(f"{error} that keeps the answer of {found(question)}") from error
    stratum = stratum_of(row.data, task.strata, kind)
    return _question(f"{task.refresh}-{row.place}", row.place, gold, stratum, Fresh(text, question))


def _question(number: str, place: str, gold: str, stratum: str, fresh: Fresh) -> Question:
    messages = [{"role": "user", "content": ASKED.format(problem=fresh.problem)}]
    return Question(number, place, messages, gold=gold, stratum=stratum, data=fresh)
