"""Prompts and answers as one web page that needs no network and no scripts. All that models say is escaped by the
template engine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from smolc.runtime.inspect.answers import Answer, Group, Problem
from smolc.runtime.inspect.spans import Span, answer_spans, prompt_spans
from smolc.runtime.inspect.words import details, facts, heading, mark, name, shown_said, tally_said
from smolc.runtime.jobs.files import write_atomically
from smolc.runtime.report.engine import page_engine
from smolc.runtime.report.text import one_line

MOST = 20_000  # characters of one text


@dataclass(frozen=True)
class TurnView:
    """prompt: empty where all models had the same one, which stands above."""

    prompt: tuple[Span, ...]
    answer: tuple[Span, ...]


@dataclass(frozen=True)
class AnswerView:
    name: str
    mark: str
    right: str
    facts: str
    turns: tuple[TurnView, ...]
    details: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class ProblemView:
    id: str
    place: str
    prompt: tuple[Span, ...]
    gold: tuple[Span, ...]
    answers: tuple[AnswerView, ...]


@dataclass(frozen=True)
class GroupView:
    anchor: str
    heading: str
    tallies: tuple[tuple[str, str], ...]
    shown: str
    problems: tuple[ProblemView, ...]


def write_page(path: Path, recipe: str, found: Sequence[Group]) -> None:
    """Raises OSError."""
    write_atomically(path, render(recipe, found))


def render(recipe: str, found: Sequence[Group]) -> str:
    engine, style = page_engine("smolc.runtime.inspect", "inspect.css")
    views = [_group(number, group) for number, group in enumerate(found)]
    return engine.get_template("inspect.html.j2").render(style=style, title=one_line(recipe), groups=views)


def _group(number: int, group: Group) -> GroupView:
    return GroupView(
        anchor=f"g{number}",
        heading=heading(group),
        tallies=tuple((one_line(t.model), tally_said(t)) for t in group.tallies),
        shown=shown_said(group),
        problems=tuple(_problem(problem, group) for problem in group.problems),
    )


def _problem(problem: Problem, group: Group) -> ProblemView:
    prompts = list(dict.fromkeys(answer.turns[0].prompt for answer in problem.answers))
    alike = len(prompts) == 1
    return ProblemView(
        id=one_line(problem.id),
        place=one_line(problem.place) if problem.place != problem.id else "",
        prompt=tuple(prompt_spans(prompts[0], MOST)) if alike else (),
        gold=tuple(prompt_spans(problem.gold, MOST)),
        answers=tuple(_answer(answer, group, alike) for answer in problem.answers),
    )


def _answer(answer: Answer, group: Group, alike: bool) -> AnswerView:
    turns = [
        TurnView(
            () if alike and number == 0 else tuple(prompt_spans(turn.prompt, MOST)),
            tuple(answer_spans(turn.answer, group.thinking, turn.prompt, MOST)),
        )
        for number, turn in enumerate(answer.turns)
    ]
    return AnswerView(
        name=name(answer),
        mark=mark(answer),
        right="" if answer.failed is None else "bad" if answer.failed else "good",
        facts=" · ".join(facts(answer)),
        turns=tuple(turns),
        details=tuple(details(answer, MOST)),
    )
