"""What the modules of this folder have in common. Each is named after the `type` of its task and offers

    def load(context: Context, job: EvaluateJob, task: ...) -> Questions

(`suite` is lm-eval's own: its prompts and metrics are made there.)
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from math import floor
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from smolc.runtime.data.formats import Message
from smolc.runtime.data.rows import Problems, Row, RowError
from smolc.runtime.data.sources import read
from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.evaluate import EvaluateJob, Task
from smolc.runtime.jobs.prepare import FileData, HubData

if TYPE_CHECKING:  # torch is behind it, which reading questions does without
    from smolc.runtime.evaluate.generate import Answer

T = TypeVar("T")


@dataclass
class Question:
    """One problem. id: unique within the task, and the same for each model, subset and run. place: file and line.

    messages: up to the turn that is to be answered; follow_ups: what the user says after each answer. gold: what is
    expected, for people. stratum: what a subset is stratified by. data: whatever the task scores it with.
    """

    id: str
    place: str
    messages: list[Message]
    gold: str = ""
    follow_ups: tuple[str, ...] = ()
    tools: list[Any] | None = None
    kwargs: dict[str, Any] = field(default_factory=dict)
    stratum: str = ""
    data: Any = None


@dataclass
class Verdict:
    """Of one answer. score: within the bounds of its questions, 0 and 1 for right and wrong; None where nothing is scored
    (vibe tests, and what a judge has yet to see).

    extracted: what of the answer was compared. note: why it is wrong, in a few words ("no number", "timed out").
    no_answer: nothing could be extracted. more: what else the samples are to say.
    """

    score: float | None
    extracted: str | None = None
    note: str | None = None
    no_answer: bool = False
    more: dict[str, Any] = field(default_factory=dict)


@dataclass
class Asked:
    """A question with one answer to each of its turns."""

    question: Question
    answers: list[Answer]

    @property
    def last(self) -> Answer:
        return self.answers[-1]


class Questions(ABC):
    """A task, loaded: what is asked (`questions`, the subset already drawn) and how answers are scored."""

    metric: str
    questions: list[Question]
    bounds: ClassVar[tuple[float, float]] = (0.0, 1.0)
    """What scores lie between."""
    scored: ClassVar[bool] = True
    """Whether `score` tells right from wrong: not for vibe tests, nor for what a judge has yet to see."""

    @abstractmethod
    def score(self, asked: Asked) -> Verdict:
        """Of one answer. One that thought without end is wrong before this is asked."""

    def score_all(self, asked: Sequence[Asked], tell: Callable[[int], None]) -> list[Verdict]:
        """Of all answers of one model; tell: given how many are scored."""
        return [self.score(one) for one in asked]

    def texts(self) -> Iterator[tuple[str, str]]:
        """Place and text of all that is asked and expected: training data is compared with it."""
        for question in self.questions:
            for message in question.messages:
                if message["role"] == "user":
                    yield question.place, str(message["content"])
            for text in (*question.follow_ups, question.gold):
                if text:
                    yield question.place, text


def load(context: Context, job: EvaluateJob, task: Task) -> Questions:
    """Of any task but lm-eval's. Raises JobError."""
    module = import_module(f"smolc.runtime.evaluate.tasks.{task.type}")  # type: ignore[attr-defined]
    questions: Questions = module.load(context, job, task)
    return questions


def questions_of(
    context: Context,
    location: FileData | HubData,
    bad: Problems,
    make: Callable[[Row], Question | None],
    called: str = "id",
) -> list[Question]:
    """The rows that `make` has a question for; those that it refuses, or whose id (`called` so in the data) stood
    before, are added to `bad`. Raises JobError where there is nothing to read."""
    questions: dict[str, Question] = {}
    for row in read(location, context, bad):
        try:
            question = make(row)
            if question is None:
                continue
            if question.id in questions:
                raise RowError(f"the {called} {question.id} is that of an earlier row, too")
            questions[question.id] = question
        except RowError as error:
            bad.add(row.place, str(error))
    return list(questions.values())


def stratum_of(data: Mapping[str, Any], column: str | None, otherwise: str = "") -> str:
    """What a row's subset is stratified by: the column that the task names, or something of its own. Raises RowError."""
    if column is None:
        return otherwise
    if column not in data:
        raise RowError(f"expected a column `{column}`, which the subset is stratified by")
    return str(data[column])


def draw(items: Sequence[T], size: int | None, stratum: Callable[[T], str], seed: int) -> list[T]:
    """`size` of the items in their order, drawn with the seed: from each stratum its share, the largest remainders
    first. All of them where there are no more, or `size` is None."""
    if size is None or size >= len(items):
        return list(items)
    strata: dict[str, list[int]] = defaultdict(list)
    for i, item in enumerate(items):
        strata[stratum(item)].append(i)
    shares = {name: size * len(members) / len(items) for name, members in strata.items()}
    counts = {name: floor(share) for name, share in shares.items()}
    by_remainder = sorted(shares, key=lambda name: (counts[name] - shares[name], name))
    for name in by_remainder[: size - sum(counts.values())]:
        counts[name] += 1
    kept: list[int] = []
    for name in sorted(strata):
        # Each stratum has its own draw: one that another's size does not change.
        kept += random.Random(f"{seed} {name}").sample(strata[name], counts[name])
    return [items[i] for i in sorted(kept)]
