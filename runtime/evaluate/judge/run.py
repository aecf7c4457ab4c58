"""Judging the answers of all subjects, once they are all there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from smolc.runtime.data.formats import Message
from smolc.runtime.evaluate.judge.grade import grade
from smolc.runtime.evaluate.judge.identity import demand_pin, identity
from smolc.runtime.evaluate.judge.jury import Jury, Unsure
from smolc.runtime.evaluate.judge.pairwise import pairwise
from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.evaluate import EvaluateJob, JudgedTask

if TYPE_CHECKING:  # lm-eval and torch are behind it
    from smolc.runtime.evaluate.asked import Said
    from smolc.runtime.evaluate.generate import Answer

MOST_UNJUDGED = 0.1
"""Share of a subject's answers that a judge may leave without a verdict."""
SHOWN = 3  # examples in an error


class Speaker(Protocol):
    """The judge's model, loaded; greedy. cached: how many of its answers were there already."""

    @property
    def cached(self) -> int: ...

    def prompt(self, messages: list[Message]) -> str:
        """Rendered with the judge's template, up to where it is to speak."""

    def fits(self, prompt: str, max_new: int) -> bool:
        """Whether the model's context holds the prompt and so many tokens."""

    def answers(self, prompts: Sequence[str], max_new: int) -> list[Answer]:
        """In the order of the prompts, without chains of thought."""


@dataclass
class Work:
    """A judged task and what each subject said, in the same order (question by question, sample by sample)."""

    task: JudgedTask
    said: dict[str, list[Said]]


@dataclass
class Judgment:
    """identity: of the judge, for results.json. counts: by task and subject, what goes into their row."""

    identity: dict[str, Any]
    counts: dict[tuple[str, str], dict[str, Any]]


def judge(
    context: Context,
    job: EvaluateJob,
    work: Sequence[Work],
    weights: str,
    open_judge: Callable[[], Speaker],
) -> Judgment:
    """Sets the verdict of everything said. weights: the fingerprint of the judge's weights.

    Raises JobError if the judge is not the one that the recipe demands (before it is opened), or if it left more than
    MOST_UNJUDGED of a subject's answers without a verdict.
    """
    assert job.judge is not None
    demand_pin(job.judge, weights)
    about = identity(context, job.judge, {one.task.style for one in work}, weights)
    jury = Jury(open_judge(), job.judge.max_new)
    counts: dict[tuple[str, str], dict[str, Any]] = {}
    unsure: list[Unsure] = []
    for one in work:
        found = (
            grade(jury, one.said) if one.task.style == "grade" else pairwise(jury, one.said, one.task.against)
        )
        for subject, row in found.counts.items():
            row["notes"] = _self_judged(context, job, subject)
            counts[one.task.name, subject] = row
        unsure += [Unsure(f"{u.subject} on {one.task.name}", u.answers, u.examples) for u in found.unsure]
    _check(job.judge.name, unsure)
    return Judgment({**about, "asked": jury.asked, "cached": jury.speaker.cached}, counts)


def _check(name: str, unsure: Sequence[Unsure]) -> None:
    for one in unsure:
        if len(one.examples) > MOST_UNJUDGED * one.answers:
            shown = "\n  ".join(one.examples[:SHOWN])
            raise JobError(
                f"{one.subject}: the judge `{name}` gave no verdict on {len(one.examples)} of {one.answers} answers, "
                f"and {MOST_UNJUDGED:.0%} may be left out:\n  {shown}",
                help="a judge has to follow instructions: take a stronger one, or one that is given its own chat template",
            )


def _self_judged(context: Context, job: EvaluateJob, subject: str) -> list[str]:
    """Models prefer what they wrote themselves."""
    assert job.judge is not None
    judged = next((s.job for s in job.subjects if s.name == subject), None)
    if judged is None or context.model_of(judged) != context.model_of(job.judge.job):
        return []
    return [f"judged by itself: `{job.judge.name}` is the same model"]
