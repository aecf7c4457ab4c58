"""Grades from 1 to 10 for each turn of a conversation, as MT-Bench gives them: the score is their mean over the turns
(Zheng et al. 2023, arXiv:2306.05685)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import TYPE_CHECKING

from smolc.runtime.evaluate.judge.jury import EMPTY, UNTERMINATED, Found, Jury, Unsure, example, users_of
from smolc.runtime.evaluate.judge.prompts import grade_prompt
from smolc.runtime.evaluate.judge.verdicts import LOWEST, Unjudged, grade_in
from smolc.runtime.evaluate.tasks.base import Verdict

if TYPE_CHECKING:
    from smolc.runtime.evaluate.asked import Said


def grade(jury: Jury, said: Mapping[str, Sequence[Said]]) -> Found:
    """Sets each verdict: its score is the grade, 1 to 10. A turn that ends in thought or says nothing has the lowest
    grade without asking; one without a grade leaves its whole conversation unjudged."""
    asked = [
        (name, i, turn, prompt)
        for name, ones in said.items()
        for i, one in enumerate(ones)
        for turn, prompt in enumerate(_prompts(one))
        if prompt is not None
    ]
    replies = jury.ask([prompt for *_, prompt in asked])
    told = {(name, i, turn): reply for (name, i, turn, _), reply in zip(asked, replies, strict=True)}
    found = Found()
    for name, ones in said.items():
        unsure = Unsure(name, len(ones))
        for i, one in enumerate(ones):
            one.verdict = _verdict(
                one, [told.get((name, i, turn)) for turn in range(len(one.answers))], unsure
            )
        found.counts[name] = {"unjudged": len(unsure.examples)}
        found.unsure.append(unsure)
    return found


def _prompts(one: Said) -> list[str | None]:
    """What the judge is asked about each turn; None where there is no answer to grade."""
    turns = list(zip(users_of(one), map(str, one.answers), strict=True))
    references = one.question.data
    return [
        grade_prompt(turns[: i + 1], (references[i] or None) if i < len(references) else None)
        if answer.strip() and not answer.unterminated
        else None
        for i, answer in enumerate(one.answers)
    ]


def _verdict(one: Said, replies: Sequence[str | Unjudged | None], unsure: Unsure) -> Verdict:
    grades: list[float | None] = []
    notes: list[str] = []
    failed: str | None = None
    for answer, reply in zip(one.answers, replies, strict=True):
        if reply is None:
            notes.append(UNTERMINATED if answer.unterminated else EMPTY)
            grades.append(LOWEST)
            continue
        got = reply if isinstance(reply, Unjudged) else grade_in(reply)
        if isinstance(got, Unjudged):
            grades.append(None)
            notes.append(got.why)
            failed = failed or example(one, got.why, reply if isinstance(reply, str) else None)
        else:
            grades.append(got)
    known = [g for g in grades if g is not None]
    score = fmean(known) if len(known) == len(grades) else None
    if failed is not None:
        unsure.examples.append(failed)
    return Verdict(
        score,
        extracted=", ".join("none" if g is None else f"{g:g}" for g in grades),
        note="; ".join(dict.fromkeys(notes)) or None,
        no_answer=not one.answers[-1].strip(),
        more={
            "grades": grades,
            "judge": [str(r) if isinstance(r, str) else None for r in replies],
            "unjudged": score is None,
        },
    )
