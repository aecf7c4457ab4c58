"""A fact hidden at a depth of a long text, and asked for at its end: `lengths` x `depths` x `subset` or 5 questions.

The needle is Kamradt's test (github.com/gkamradt/LLMTest_NeedleInAHaystack) with RULER's numbers for facts
(arXiv:2404.06654); the text around is of our own making, other for each question. A length is in tokens, but questions
are read before any model is, and are to be the same for all of them: a token is taken for 4 characters, so
that a model's own count may be some percent off.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass

from smolc.runtime.evaluate.haystack import sentences
from smolc.runtime.evaluate.tasks.base import Asked, Question, Questions, Verdict
from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.evaluate import EvaluateJob, NeedleTask

CHARACTERS = 4
"""Of a token, as is usual for English text."""
EACH = 5
"""Questions of a length and depth, where the task does not say."""
SHORTEST = 128
"""Tokens: below, there is no text to hide anything in."""

CITIES = [
    "Adelaide",
    "Ankara",
    "Athens",
    "Baku",
    "Bergen",
    "Bogota",
    "Brisbane",
    "Bruges",
    "Cairo",
    "Calgary",
    "Cardiff",
    "Cologne",
    "Cordoba",
    "Dakar",
    "Delhi",
    "Dublin",
    "Durban",
    "Florence",
    "Geneva",
    "Ghent",
    "Glasgow",
    "Granada",
    "Hamburg",
    "Hanoi",
    "Havana",
    "Helsinki",
    "Izmir",
    "Jakarta",
    "Kigali",
    "Krakow",
    "Kyoto",
    "Lagos",
    "Leipzig",
    "Lima",
    "Lisbon",
    "Lyon",
    "Madrid",
    "Malaga",
    "Manila",
    "Milan",
    "Montreal",
    "Nairobi",
    "Naples",
    "Nantes",
    "Osaka",
    "Oslo",
    "Ottawa",
    "Porto",
    "Prague",
    "Quito",
    "Riga",
    "Rome",
    "Santiago",
    "Seoul",
    "Seville",
    "Sofia",
    "Tallinn",
    "Tampere",
    "Toronto",
    "Tunis",
    "Turin",
    "Utrecht",
    "Valencia",
    "Vienna",
    "Vilnius",
    "Warsaw",
    "Zagreb",
    "Zurich",
]
BEFORE = (
    "Read the following text. A secret number is hidden in it, and you will be asked for it afterwards.\n\n"
)
AFTER = "\n\nWhat is the secret number of {city} that the text mentions? Answer with the number."
NEEDLE = "The secret number of {city} is {number}."

# Thousands are read with and without separators.
_DIGITS = re.compile(r"[0-9]{1,3}(?:[,\u202f\u00a0][0-9]{3})+(?![0-9])|[0-9]+")


@dataclass(frozen=True)
class Hidden:
    """needle: the sentence. length: tokens that were asked for. depth: percent of the text before the needle."""

    needle: str
    length: int
    depth: int


@dataclass
class Needles(Questions):
    """`data` of a question is a Hidden."""

    questions: list[Question]
    metric: str = "accuracy"

    def score(self, asked: Asked) -> Verdict:
        """Right where the answer names the number, and no other that could be meant: one of as many digits."""
        hidden: Hidden = asked.question.data
        gold = asked.question.gold
        more = {"length": hidden.length, "depth": hidden.depth}
        said = [re.sub(r"[^0-9]", "", digits) for digits in _DIGITS.findall(asked.last)]
        if not said:
            return Verdict(0.0, note="no number", no_answer=True, more=more)
        meant = list(dict.fromkeys(number for number in said if len(number) == len(gold)))
        if meant == [gold]:
            return Verdict(1.0, gold, more=more)
        note = "several numbers" if gold in meant else "another number"
        return Verdict(0.0, ", ".join((meant or said)[:3]), note, more=more)

    def texts(self) -> Iterator[tuple[str, str]]:
        """The needles: the text around is drawn from a grammar, and no training data has it."""
        for question in self.questions:
            yield question.place, question.data.needle


def load(context: Context, job: EvaluateJob, task: NeedleTask) -> Needles:
    """The same questions for the same `refresh`, whatever else is asked. Raises JobError for a length without room."""
    short = min(task.lengths, default=0)
    if short < SHORTEST:
        raise JobError(
            f"{task.name}: a prompt of {short} tokens has no room for a text",
            help=f"write lengths of {SHORTEST} tokens and more, such as 4096",
        )
    each = EACH if task.subset is None else task.subset
    return Needles(
        [
            _question(task, length, depth, number)
            for length in dict.fromkeys(task.lengths)
            for depth in _depths(task.depths)
            for number in range(1, each + 1)
        ]
    )


def _depths(count: int) -> list[int]:
    """In percent, evenly from 0 to 100; one alone is the middle."""
    if count == 1:
        return [50]
    return list(dict.fromkeys(round(100 * i / (count - 1)) for i in range(count)))


def _question(task: NeedleTask, length: int, depth: int, number: int) -> Question:
    draw = random.Random(f"needle {task.refresh} {length} {depth} {number}")
    city, secret = draw.choice(CITIES), str(draw.randrange(1_000_000, 10_000_000))
    needle = NEEDLE.format(city=city, number=secret)
    question = AFTER.format(city=city)
    hay = sentences(draw, length * CHARACTERS - len(BEFORE) - len(question) - len(needle) - 1)
    at = _after(hay, depth)
    text = BEFORE + " ".join([*hay[:at], needle, *hay[at:]]) + question
    return Question(
        f"{task.refresh}-{length}-{depth}-{number}",
        f"generated (refresh {task.refresh}), {length} at {depth}%, number {number}",
        [{"role": "user", "content": text}],
        gold=secret,
        stratum=f"{length} at {depth}%",
        data=Hidden(needle, length, depth),
    )


def _after(hay: list[str], depth: int) -> int:
    """How many sentences lie before the depth, measured in characters."""
    before, until = 0, sum(map(len, hay)) * depth / 100
    for i, one in enumerate(hay):
        if before + len(one) / 2 > until:
            return i
        before += len(one)
    return len(hay)
