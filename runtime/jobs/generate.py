"""`kind: generate`: answers of one model to prompts, drawn with seeds of their own.

Outputs in `out/<id>/`: `answers.jsonl`, a line for each answer, prompt by prompt:

    {"source", "place", "sample", "prompt": [messages], "answer", "final", "tokens", "stopped", "unterminated"}

answer: with its chain of thought; final: without, where the template has tags for one. tokens: generated ones. stopped:
whether it ended by itself. `result.json` counts them, and `dropped.jsonl` lists prompts that the model cannot be asked,
with why. Answers are kept in `out/.answers/` as they come, so that a job
that was killed goes on.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from smolc.runtime.jobs.base import Strict
from smolc.runtime.jobs.evaluate import Decode, Generating, Location, Subject
from smolc.runtime.jobs.prepare import All, Filter, Format, Take


class Rows(Strict):
    """How the rows of a dataset are read, by the name that messages call it. bad_rows: part of them (0..1) that may be
    left out because they are not what the format says, and part of the prompts that a model cannot be asked."""

    name: str
    location: Location
    format: Format
    where: Filter | None
    system: str | None
    bad_rows: float


class Prompts(Rows):
    """Rows whose prompts are answered; weight: which of them (rows only)."""

    weight: Annotated[All | Take, Field(discriminator="type")]


class GenerateJob(Generating):
    """checkpoint: the step of the kept checkpoint that answers; None for the model that the subject's job ended with.

    subset: so many prompts, drawn with the seed. samples: answers to each. thinking: tags of its chain of thought.
    """

    kind: Literal["generate"]
    subject: Subject
    checkpoint: int | None
    prompts: tuple[Prompts, ...]
    subset: int | None
    samples: int
    decode: Decode
    thinking: tuple[str, str] | None
