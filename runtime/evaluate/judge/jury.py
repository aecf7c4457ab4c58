"""Asking the judge, and what both ways of judging have in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from smolc.runtime.data.formats import Message
from smolc.runtime.evaluate.judge.verdicts import Unjudged

if TYPE_CHECKING:
    from smolc.runtime.evaluate.asked import Said
    from smolc.runtime.evaluate.judge.run import Speaker

UNTERMINATED = "thought without end"
EMPTY = "said nothing"


@dataclass
class Jury:
    """asked: prompts that the judge answered."""

    speaker: Speaker
    max_new: int
    asked: int = 0

    def ask(self, texts: Sequence[str]) -> list[str | Unjudged]:
        """What the judge says to each, in order. It is asked once, whatever it says; a text that does not fit its
        context is not cut, but left without a verdict."""
        messages: list[list[Message]] = [[{"role": "user", "content": text}] for text in texts]
        prompts = [self.speaker.prompt(one) for one in messages]
        fitting = [p for p in dict.fromkeys(prompts) if self.speaker.fits(p, self.max_new)]
        said = dict(zip(fitting, self.speaker.answers(fitting, self.max_new), strict=True)) if fitting else {}
        self.asked += len(said)
        found: list[str | Unjudged] = []
        for prompt in prompts:
            answer = said.get(prompt)
            if answer is None:
                found.append(Unjudged("too long for the judge"))
            elif answer.unterminated:
                found.append(Unjudged("the judge thought without end"))
            else:
                found.append(str(answer))
        return found


@dataclass
class Unsure:
    """Answers without a verdict: of how many, and each as a line for people."""

    subject: str
    answers: int
    examples: list[str] = field(default_factory=list)


@dataclass
class Found:
    """counts: by subject, for its row."""

    counts: dict[str, dict[str, Any]] = field(default_factory=dict)
    unsure: list[Unsure] = field(default_factory=list)


def users_of(one: Said) -> list[str]:
    """What the user said, turn by turn. Messages before the first question (a system prompt) are not shown."""
    return [str(one.question.messages[-1]["content"]), *one.question.follow_ups]


def nothing_said(answers: Sequence[str]) -> str | None:
    """Why there is nothing to judge in one of the turns, or None."""
    if any(getattr(answer, "unterminated", False) for answer in answers):
        return UNTERMINATED
    return EMPTY if not all(answer.strip() for answer in answers) else None


def example(one: Said, why: str, said: str | None) -> str:
    shown = f": {' '.join(said.split())[:100]!r}" if said is not None else ""
    return f"{one.question.place}: {why}{shown}"
