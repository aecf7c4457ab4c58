"""`kind: evaluate`: the same tasks on several models, side by side. `kind: pick`: the grid's winner.

evaluate writes `results.json` (rows of model, task, metric, value, stderr, n, k) and `samples.jsonl`.
pick writes `result.json` with `winner` (job id), `model` (the winner's) and `table`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from smolc.runtime.jobs.base import Job, Strict
from smolc.runtime.jobs.prepare import FileData, Filter, Format, HubData, TemplateSpec


class Extract(Strict):
    """How an answer is read from what the model said: `whole` text, what follows `after`, or the `last_number`."""

    type: Literal["whole", "after", "last_number"]
    marker: str | None


class OwnTask(Strict):
    """Exact match on the recipe's own rows: the prompt is rendered with the chat template, the gold answer is extracted
    from the reference completion in the same way as from the model's."""

    type: Literal["own"]
    name: str
    location: Annotated[FileData | HubData, Field(discriminator="type")]
    format: Format
    where: Filter | None
    system: str | None
    rows: int | None
    extract: Extract
    avg: int
    max_new: int | None


class SuiteTask(Strict):
    """A task that lm-eval knows by `task`."""

    type: Literal["suite"]
    name: str
    task: str
    metric: str
    rows: int | None
    avg: int
    max_new: int | None


class Decode(Strict):
    """Greedy when `temperature` is 0. max_new: tokens."""

    temperature: float
    top_p: float
    max_new: int


class Subject(Strict):
    """A model under evaluation: the job that made it, what the report calls it, and the template to prompt it with.

    data: id of a prepare job whose `tokenizer/` is used; None for the model's own tokenizer.
    """

    name: str
    job: str
    template: TemplateSpec | None
    tokenizer: str | None


class EvaluateJob(Job):
    kind: Literal["evaluate"]
    role: Literal["validation", "test"]
    subjects: tuple[Subject, ...]
    tasks: tuple[Annotated[OwnTask | SuiteTask, Field(discriminator="type")], ...]
    decode: Decode
    strip_thinking: tuple[str, str] | None
    batch: int
    precision: Literal["bf16", "fp32"]
    trust_remote_code: bool


class Candidate(Strict):
    """A grid run: its job, and the values that set it apart (`{"optim.lr": 1e-3}`)."""

    job: str
    values: dict[str, str | int | float | bool]


class PickJob(Job):
    """metric: `eval_loss` (of the train jobs) or a task name found in `scores` (ids of evaluate jobs)."""

    kind: Literal["pick"]
    metric: str
    goal: Literal["min", "max"]
    candidates: tuple[Candidate, ...]
    scores: tuple[str, ...]


class ReportJob(Job):
    kind: Literal["report"]


class Check(Strict):
    """`left operator sum(terms)`, the gate of an eval. A term is a number, or `{subject}.{task}` times a sign."""

    text: str
    left: str
    operator: Literal["==", "!=", "<", "<=", ">", ">="]
    terms: tuple[tuple[int, str | float], ...]


class GateJob(Job):
    """`expect { ... }` of an eval: fails with the numbers when a check does not hold."""

    kind: Literal["gate"]
    scores: str
    checks: tuple[Check, ...]
