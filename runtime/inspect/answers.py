"""What models were asked and said, failures first: of a run that is over, or of one that is not."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from smolc.runtime.evaluate.told import SAID
from smolc.runtime.report.outputs import mapping, number, objects, read_lines
from smolc.runtime.report.text import setting
from smolc.runtime.results.evaluated import Evaluated, Score

SHOWN_ELSEWHERE = {
    *(
        "model",
        "task",
        "id",
        "sample",
        "place",
        "stratum",
        "subtask",
        "prompt",
        "turns",
        "answer",
        "extracted",
    ),
    *("gold", "score", "note", "tokens", "stopped", "unterminated", "cached", "judge"),
    # The conversation as it was before a template: the prompt holds it.
    *("messages", "follow_ups", "tools", "category"),
}
RIGHT, GOOD_GRADE = 1.0, 5.0
"""What is below is a failure: of shares of right, and of a judge's grades from 1 to 10."""


@dataclass(frozen=True)
class Choice:
    """What is to be shown. models: in this order, all where empty. rows: problems of each task, None for all."""

    task: str | None = None
    models: tuple[str, ...] = ()
    id: str | None = None
    failures: bool = False
    rows: int | None = 10


@dataclass(frozen=True)
class Turn:
    """prompt: what was rendered since the turn before; the exact text. answer: as the model said it."""

    prompt: str
    answer: str


@dataclass(frozen=True)
class Answer:
    """of: how many answers the model gave to this problem. failed: None where it has no score. more: what else its task
    tells, name and value."""

    model: str
    sample: int
    of: int
    turns: tuple[Turn, ...]
    extracted: str | None
    score: float | None
    failed: bool | None
    note: str
    tokens: int | None
    stopped: bool
    unterminated: bool
    cached: bool
    judge: tuple[str, ...]
    more: tuple[tuple[str, str], ...]


@dataclass
class Problem:
    id: str
    place: str
    gold: str
    answers: list[Answer] = field(default_factory=list)


@dataclass(frozen=True)
class Tally:
    """A model on a task. score: None while the eval is not over. odd: how often what was odd about answers."""

    model: str
    score: Score | None
    answers: int
    failed: int
    odd: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Group:
    """A task of an eval. total, failed: problems, of which `problems` are shown. thinking: the tags of chains of thought
    that were taken out."""

    eval: str
    state: str
    task: str
    tallies: tuple[Tally, ...]
    problems: tuple[Problem, ...]
    total: int
    failed: int
    thinking: tuple[str, str] | None


def groups(one: Evaluated, choice: Choice) -> list[Group]:
    """The tasks that are chosen. Two passes over the samples, since they may be larger than the memory: the first ranks,
    the second keeps what is shown."""
    ranked = _ranked(one, choice)
    shown = {task: _chosen(seen, choice) for task, seen in ranked.items()}
    problems = _problems(one, choice, ranked, shown)
    return [
        Group(
            one.id,
            one.view.state,
            task,
            tuple(seen.tally(one, model) for model in seen.models(choice)),
            tuple(problems[task].values()),
            len(seen.scores),
            sum(seen.fails(problem) for problem in seen.scores),
            _thinking(one),
        )
        for task, seen in ranked.items()
        if problems[task]
    ]


@dataclass
class _Seen:
    """Of a task, in the order of its samples. scores: by problem and model."""

    task: str
    scores: dict[str, dict[str, list[float | None]]] = field(default_factory=dict)
    odd: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    @property
    def is_graded(self) -> bool:
        return any(s is not None and s > 1 for by in self.scores.values() for ss in by.values() for s in ss)

    def models(self, choice: Choice) -> tuple[str, ...]:
        return choice.models or tuple(dict.fromkeys(model for by in self.scores.values() for model in by))

    def failed(self, score: float | None) -> bool | None:
        return None if score is None else score < (GOOD_GRADE if self.is_graded else RIGHT)

    def fails(self, problem: str) -> bool:
        return any(self.failed(score) for scores in self.scores[problem].values() for score in scores)

    def tally(self, one: Evaluated, model: str) -> Tally:
        said = [score for by in self.scores.values() for score in by.get(model, [])]
        score = next((s for s in one.scores if (s.model, s.task) == (model, self.task)), None)
        wrong = sum(self.failed(s) is True for s in said)
        return Tally(model, score, len(said), wrong, tuple(self.odd[model].most_common()))


def _ranked(one: Evaluated, choice: Choice) -> dict[str, _Seen]:
    found: dict[str, _Seen] = {}
    for sample in _samples(one, choice):
        seen = found.setdefault(str(sample.get("task")), _Seen(str(sample.get("task"))))
        model, problem = str(sample.get("model")), str(sample.get("id"))
        seen.scores.setdefault(problem, {}).setdefault(model, []).append(number(sample.get("score")))
        seen.odd[model].update(_odd(sample))
    return found


def _samples(one: Evaluated, choice: Choice) -> Iterator[dict[str, Any]]:
    for sample in read_lines(one.view.out / "samples.jsonl"):
        if choice.task is not None and sample.get("task") != choice.task:
            continue
        if choice.models and sample.get("model") not in choice.models:
            continue
        if choice.id is None or str(sample.get("id")) == choice.id:
            yield sample


def _odd(sample: dict[str, Any]) -> Iterator[str]:
    """`no number`; without what only one answer's note says after a colon."""
    note = str(sample.get("note") or "").partition(":")[0].strip()
    if note:
        yield note
    if sample.get("unterminated") is True and note != SAID["unterminated"]:
        yield SAID["unterminated"]
    elif sample.get("stopped") is False and not sample.get("unterminated"):
        yield "never stopped"


def _chosen(seen: _Seen, choice: Choice) -> list[str]:
    """Ids: what the last model did worst first, then what the one before it did."""
    models = seen.models(choice)

    def rank(problem: str) -> tuple[float, ...]:
        return tuple(_mean(seen.scores[problem].get(model, [])) for model in reversed(models))

    ids = [p for p in seen.scores if seen.fails(p)] if choice.failures else list(seen.scores)
    return sorted(ids, key=rank)[: choice.rows]


def _mean(scores: Sequence[float | None]) -> float:
    known = [s for s in scores if s is not None]
    return math.fsum(known) / len(known) if known else math.inf


def _problems(
    one: Evaluated, choice: Choice, ranked: dict[str, _Seen], shown: dict[str, list[str]]
) -> dict[str, dict[str, Problem]]:
    """By task and id, in the order in which they are shown; answers in that of the models."""
    wanted = {task: set(ids) for task, ids in shown.items()}
    found: dict[str, dict[str, Problem]] = {task: {} for task in shown}
    for sample in _samples(one, choice):
        task, id = str(sample.get("task")), str(sample.get("id"))
        # The file may have grown since it was ranked.
        if id not in wanted.get(task, ()):
            continue
        problem = found[task].setdefault(
            id, Problem(id, _text(sample.get("place")), _text(sample.get("gold")))
        )
        problem.answers.append(_answer(sample, ranked[task]))
    for task, problems in found.items():
        order = {model: n for n, model in enumerate(ranked[task].models(choice))}
        for problem in problems.values():
            problem.answers.sort(key=lambda a: (order.get(a.model, len(order)), a.sample))
    return {task: {id: found[task][id] for id in ids if id in found[task]} for task, ids in shown.items()}


def _answer(sample: dict[str, Any], seen: _Seen) -> Answer:
    model, score = str(sample.get("model")), number(sample.get("score"))
    said, tokens = sample.get("score"), number(sample.get("tokens"))
    more = [(key, _text(value)) for key, value in sample.items() if key not in SHOWN_ELSEWHERE]
    if score is None and said is not None:
        more.insert(0, ("score", _text(said)))
    judge = sample.get("judge")
    return Answer(
        model=model,
        sample=int(number(sample.get("sample")) or 0),
        of=len(seen.scores.get(str(sample.get("id")), {}).get(model, [])),
        turns=_turns(sample),
        extracted=None if sample.get("extracted") is None else _text(sample["extracted"]),
        score=score,
        failed=seen.failed(score),
        note=_text(sample.get("note")),
        tokens=None if tokens is None else int(tokens),
        stopped=sample.get("stopped") is not False,
        unterminated=sample.get("unterminated") is True,
        cached=sample.get("cached") is True,
        judge=tuple(_text(j) for j in judge if j) if isinstance(judge, list) else (),
        more=tuple((key, value) for key, value in more if value),
    )


def _turns(sample: dict[str, Any]) -> tuple[Turn, ...]:
    turns = objects(sample.get("turns")) or [mapping(sample)]
    made, before = [], ""
    for turn in turns:
        prompt = _text(turn.get("prompt"))
        known = next((i for i, (a, b) in enumerate(zip(before, prompt, strict=False)) if a != b), None)
        same = min(len(before), len(prompt)) if known is None else known
        made.append(Turn(prompt[same:], _text(turn.get("answer"))))
        before = prompt
    return tuple(made)


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, (list, tuple)):
        return "\n".join(map(_text, value))
    return setting(value)


def _thinking(one: Evaluated) -> tuple[str, str] | None:
    """The tags, where what is between them was taken out before scoring."""
    job = one.job
    if job is not None:
        return job.strip_thinking if job.strip else None
    tags = one.results.get("strip_thinking")
    return (str(tags[0]), str(tags[1])) if isinstance(tags, list) and len(tags) == 2 else None
