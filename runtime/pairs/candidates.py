"""Answers that pairs are made of, prompt by prompt."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from smolc.runtime.data.formats import Chat, Example, Judged, Message, Pair
from smolc.runtime.data.rows import LISTED, Problems
from smolc.runtime.evaluate.answers import without_thinking
from smolc.runtime.generate.prompts import examples, key_of, prompt_in
from smolc.runtime.generate.run import FILE
from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.errors import JobError, run_first
from smolc.runtime.jobs.pairs import Generated, PairsJob, Written
from smolc.runtime.pairs.drops import Drops

EMPTY = "an empty answer"
UNTERMINATED = "thought without end"
CUT = "cut off before its end"
TWICE = "the same answer from there before"


@dataclass
class Candidate:
    """One answer. source: the `generate` or the dataset that it is from. final: without its chain of thought, which is
    what is compared, judged and scored. tokens: generated ones; None where nobody counted. times: how often it was said
    there. used: in how many pairs."""

    source: str
    place: str
    text: str
    final: str
    tokens: int | None
    times: int = 1
    used: int = 0

    @property
    def told(self) -> str:
        """By which two answers are the same one: most templates trim what is trained."""
        return self.text.strip()


@dataclass
class Group:
    """A prompt with its answers. asked, read: who answered it, and how many answers, before any was dropped."""

    key: str
    prompt: list[Message]
    candidates: list[Candidate] = field(default_factory=list)
    asked: set[str] = field(default_factory=set)
    read: int = 0


@dataclass
class Found:
    """read: answers, before any was dropped."""

    groups: list[Group]
    read: int


def load(context: Context, job: PairsJob, drops: Drops) -> Found:
    """All answers that may be used, in their order. Raises JobError."""
    groups: dict[str, Group] = {}
    read = 0
    for source in job.answers:
        count = 0
        said = (
            _generated(context, source)
            if isinstance(source, Generated)
            else _written(context, job, source, drops)
        )
        for prompt, candidate, ended in said:
            count += 1
            group = groups.setdefault(key_of(prompt), Group(key_of(prompt), prompt))
            group.asked.add(candidate.source)
            group.read += 1
            why = _unfit(job, candidate, ended, group)
            if why is not None:
                drops.add(
                    why, [candidate.source], candidate.place, candidate.text, bad=why in (EMPTY, UNTERMINATED)
                )
            else:
                group.candidates.append(candidate)
        if not count:
            raise JobError(f"{source.name}: there are no answers", help="check its prompts, and `where`")
        read += count
    return Found(list(groups.values()), read)


def _unfit(job: PairsJob, candidate: Candidate, ended: bool | None, group: Group) -> str | None:
    """ended: None where its thought did not."""
    if not candidate.text.strip():
        return EMPTY
    if ended is None:
        return UNTERMINATED
    if not candidate.final.strip():
        return EMPTY
    if not ended and job.unfinished == "drop":
        return CUT
    same = (candidate.source, candidate.told)
    before = next((c for c in group.candidates if (c.source, c.told) == same), None)
    if before is None:
        return None
    before.times += 1
    return TWICE


Said = Iterator[tuple[list[Message], Candidate, bool | None]]


def _generated(context: Context, source: Generated) -> Said:
    path = context.out_of(source.job) / FILE
    count = 0
    try:
        with path.open(encoding="utf-8") as file:
            for line in file:
                said: dict[str, Any] = json.loads(line)
                place = f"{source.name}, {said['place']} (answer {said['sample'] + 1})"
                candidate = Candidate(source.name, place, said["answer"], said["final"], said["tokens"])
                count += 1
                yield said["prompt"], candidate, None if said["unterminated"] else said["stopped"]
    except OSError as error:
        raise _unreadable(source, f"{FILE}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise _unreadable(source, f"{FILE}:{count + 1} is damaged") from error
    if count != (wanted := context.result_of(source.job).get("answers")):
        raise _unreadable(source, f"{FILE} has {count} of {wanted}")


def _unreadable(source: Generated, why: str) -> JobError:
    return JobError(f"{source.job} left no answers that can be read: {why}", help=run_first(source.job))


def _written(context: Context, job: PairsJob, source: Written, drops: Drops) -> Said:
    problems = Problems(source.name, most=LISTED)
    for row, example in examples(context, source, problems):
        prompt = prompt_in(example)
        for text in _answers(example):
            final, unterminated = without_thinking(text, job.thinking) if job.thinking else (text, False)
            candidate = Candidate(source.name, row.place, text, final, None)
            yield prompt, candidate, None if unterminated else True
    drops.rows(problems)


def _answers(example: Example) -> Sequence[str]:
    if isinstance(example, Chat):
        return (
            [_text(example.messages[example.prompt_turns :])]
            if example.messages[example.prompt_turns :]
            else []
        )
    if isinstance(example, Pair):
        return [_text(example.chosen), _text(example.rejected)]
    return [_text(example.completion)] if isinstance(example, Judged) else []


def _text(answer: Sequence[Message]) -> str:
    """Of one message: an answer of several is none of these."""
    return str(answer[0]["content"]) if len(answer) == 1 else ""
