"""`kind: evaluate`: the same tasks on several models, side by side. `kind: pick`: the grid's winner. `kind: cull`:
which runs of a halved grid go on. `kind: replicate` and `kind: gate`: what scores must be.

evaluate writes `results.json` (rows of model, task, metric, value, stderr, low, high, n, k and counts) and `samples.jsonl`.
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


Location = Annotated[FileData | HubData, Field(discriminator="type")]


class Task(Strict):
    """What every task has. name: as the recipe and the results call it.

    subset: so many problems, drawn with the job's seed and stratified by the column `strata` (by subtask where a task
    has several); None for all. avg: answers sampled per problem, of which the mean is the score. pass_at: the k of
    pass@k, each a score of its own. max_new: tokens, where the eval's decoding does not fit.
    """

    name: str
    subset: int | None
    strata: str | None
    avg: int
    pass_at: tuple[int, ...]
    max_new: int | None


class OwnTask(Task):
    """Exact match on the recipe's own rows: the prompt is rendered with the chat template, the gold answer is extracted
    from the reference completion in the same way as from the model's."""

    type: Literal["own"]
    location: Location
    format: Format
    where: Filter | None
    system: str | None
    extract: Extract


class SuiteTask(Task):
    """A task that lm-eval knows by `task`. location: a copy of its data, in the shape that the task reads; None for
    where lm-eval says it lies."""

    type: Literal["suite"]
    task: str
    metric: str
    location: FileData | None


class CodeTask(Task):
    """Programs that the model writes, run against tests: rows as HumanEval, MBPP or LiveCodeBench publish them."""

    type: Literal["code"]
    dialect: Literal["humaneval", "mbpp", "livecodebench"]
    location: Location


class ToolsTask(Task):
    """Calls of declared tools as JSON, compared with the possible answers: rows as BFCL publishes them."""

    type: Literal["tools"]
    location: Location


class InstructionsTask(Task):
    """Constraints on an answer that a program can check: rows as IFBench publishes them."""

    type: Literal["instructions"]
    location: Location


class NeedleTask(Task):
    """A fact hidden at a depth of a long text, and asked for: `lengths` (tokens of the prompt) x `depths` (evenly from
    the start to the end) x `subset` or 5 problems of each. Generated with `refresh` as seed."""

    type: Literal["needle"]
    lengths: tuple[int, ...]
    depths: int
    refresh: int


class FreshTask(Task):
    """Problems that no training data has: `problems` freshly generated word problems (variant `generated`), or rows of
    `location`, asked for with changes that keep the answer (variant `perturbed`). refresh: their seed."""

    type: Literal["fresh"]
    variant: Literal["generated", "perturbed"]
    problems: int
    refresh: int
    location: Location | None


class JudgedTask(Task):
    """Open questions, whose answers the job's `judge` grades from 1 to 10 (`grade`, as MT-Bench) or compares with those
    of `against`, a subject, or of the data where None (`pairwise`, as AlpacaEval). Questions may have several turns."""

    type: Literal["judged"]
    style: Literal["grade", "pairwise"]
    location: Location
    against: str | None


class VibeTask(Task):
    """Prompts whose answers people read: never scored. Rows: `messages`, `turns` or `prompt`, and what of `system`,
    `tools`, `category` and `note` (what to look for) they have."""

    type: Literal["vibe"]
    location: Location


class Judge(Strict):
    """job: the model job of the judge. template: None for its own. pin: the fingerprint of its weights that the recipe
    demands."""

    name: str
    job: str
    template: TemplateSpec | None
    max_new: int
    pin: str | None


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


AnyTask = Annotated[
    OwnTask
    | SuiteTask
    | CodeTask
    | ToolsTask
    | InstructionsTask
    | NeedleTask
    | FreshTask
    | JudgedTask
    | VibeTask,
    Field(discriminator="type"),
]


class Generating(Job):
    """What every job has in which a model answers. batch: prompts at once; None for as many as fit. processes: one model
    each, the prompts divided over them."""

    engine: Literal["auto", "transformers", "vllm"]
    batch: int | None
    processes: int
    precision: Literal["bf16", "fp32"]
    trust_remote_code: bool


class EvaluateJob(Generating):
    """checkpoints: whether the kept checkpoints of subjects that a stage trains are measured, too, as `sft@120`.

    run_code: whether programs that a model writes may be run.
    """

    kind: Literal["evaluate"]
    role: Literal["validation", "test"]
    subjects: tuple[Subject, ...]
    checkpoints: bool
    tasks: tuple[AnyTask, ...]
    decode: Decode
    strip_thinking: tuple[str, str] | None
    strip: bool
    run_code: bool
    judge: Judge | None


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


class Climber(Strict):
    """A grid run at a rung: the job that ends there, and the one that may go on from it."""

    job: str
    then: str
    values: dict[str, str | int | float | bool]


class CullJob(Job):
    """The `keep` runs with the smallest held-out loss at the part `at` of their steps go on."""

    kind: Literal["cull"]
    at: float
    keep: int
    candidates: tuple[Climber, ...]


class ReportJob(Job):
    kind: Literal["report"]


class Check(Strict):
    """`left operator sum(terms)`, the gate of an eval. A term is a number, or `{subject}.{task}` times a sign."""

    text: str
    left: str
    operator: Literal["==", "!=", "<", "<=", ">", ">="]
    terms: tuple[tuple[int, str | float], ...]


class Published(Strict):
    """A score that a model is known to have on a task, and how far off it may come out."""

    model: str
    task: str
    score: float
    tolerance: float


class ReplicateJob(Job):
    """`replicates { ... }` of an eval: fails unless the evaluate job `scores` gave what is published. What depends on it
    is not run then."""

    kind: Literal["replicate"]
    scores: str
    published: tuple[Published, ...]


class GateJob(Job):
    """`expect { ... }` of an eval: fails with the numbers when a check does not hold."""

    kind: Literal["gate"]
    scores: str
    checks: tuple[Check, ...]
