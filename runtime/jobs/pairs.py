"""`kind: pairs`: preference rows, made of answers to the same prompt.

Outputs in `out/<id>/`: `pairs.jsonl`, a line for each pair:

    {"prompt": [messages], "chosen": [message], "rejected": [message], "by", "from": [names], "scores": [numbers]}

`dropped.jsonl` with what was left out and why, and `result.json` with what was counted (`runtime/pairs/counts.py`).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from smolc.runtime.jobs.base import Strict
from smolc.runtime.jobs.evaluate import Extract, Generating, Judge
from smolc.runtime.jobs.generate import Rows


class Generated(Strict):
    """Answers that the job `job` left."""

    type: Literal["generated"]
    name: str
    job: str


class Written(Rows):
    """Answers in the rows of a dataset: the last message of the assistant, or both sides of a pair."""

    type: Literal["rows"]


class Strength(Strict):
    """Answers of the sets `chosen` over those of the sets `rejected`."""

    type: Literal["strength"]
    chosen: tuple[str, ...]
    rejected: tuple[str, ...]


class Exact(Strict):
    """Right answers over wrong ones, as `extract` reads them and the answers in `problems`."""

    type: Literal["exact"]
    extract: Extract
    problems: tuple[Rows, ...]


class Tests(Strict):
    """Programs that pass the tests in `problems` over those that do not; rows as `dialect` publishes them."""

    type: Literal["tests"]
    dialect: Literal["mbpp", "humaneval", "livecodebench"]
    problems: tuple[Rows, ...]


class Scorer(Strict):
    """Answers that a reward model scores higher. model: the model job. margin: closer scores are a tie."""

    type: Literal["scorer"]
    name: str
    model: str
    margin: float


class Judged(Strict):
    """Answers that the judge prefers. margin: closer grades are a tie. prompt_pin: the hash that is demanded of what it is
    asked."""

    type: Literal["judge"]
    judge: Judge
    style: Literal["grade", "pairwise"]
    margin: float
    prompt_pin: str | None


class PairsJob(Generating):
    """at_most: pairs of a prompt. bad_pairs: part (0..1) of what could be used that may be dropped for what is wrong with
    it. thinking: tags of a chain of thought, which nothing is judged by."""

    kind: Literal["pairs"]
    answers: tuple[Annotated[Generated | Written, Field(discriminator="type")], ...]
    by: Annotated[Strength | Exact | Tests | Scorer | Judged, Field(discriminator="type")]
    at_most: int
    ties: Literal["drop", "error"]
    unfinished: Literal["drop", "keep"]
    bad_pairs: float
    run_code: bool
    thinking: tuple[str, str] | None
