"""`kind: evaluate`: the same tasks on several models, side by side, with lm-eval."""

from __future__ import annotations

import gc
import json
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from smolc.runtime.evaluate.meter import Meter
from smolc.runtime.evaluate.opened import answers_of, opened, set_environment
from smolc.runtime.evaluate.told import line
from smolc.runtime.jobs.context import Context, ModelAt
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.evaluate import EvaluateJob, Judge, JudgedTask, Subject, SuiteTask, Task
from smolc.runtime.jobs.files import write_atomically
from smolc.runtime.jobs.prepare import HubData

Row = dict[str, Any]
SCORED_THINKING = 0.01
"""Share of answers that may hold the tags of a chain of thought: a model may speak of them."""


def run(context: Context) -> None:
    """Write `results.json`, `samples.jsonl` and `result.json`. Raises JobError."""
    job: EvaluateJob = context.job  # type: ignore[assignment]
    if not job.subjects or not job.tasks:
        raise JobError("there is nothing to evaluate", help="name a model in `of` and a task in `tasks`")
    prepare_environment(context, job)
    # Imported here: what it imports reads the environment.
    from smolc.runtime.evaluate.results import write

    job = _of_whole_runs(context, job)
    found = Evaluation(context, job)
    found.run()
    write(context, job, found)


def _of_whole_runs(context: Context, job: EvaluateJob) -> EvaluateJob:
    """Runs of a grid that diverged or were stopped left no model. Raises JobError if nothing else is to be evaluated."""
    left = []
    for subject in job.subjects:
        result = context.result_of(subject.job)
        if result.get("diverged") or result.get("stopped"):
            over = "its training diverged" if result.get("diverged") else f"it was {result['why']}"
            print(f"{subject.name}: not evaluated, since {over}")
        else:
            left.append(subject)
    if not left:
        raise JobError(
            "each of these runs diverged, or was stopped in favour of one that did",
            help="lower the learning rate",
        )
    return job.model_copy(update={"subjects": tuple(left)})


def prepare_environment(context: Context, job: EvaluateJob) -> None:
    """What the libraries read when they are imported. Offline where nothing comes from a hub."""
    models = [s.job for s in job.subjects] + ([job.judge.job] if job.judge else [])
    set_environment(context, models, any(_from_hub(task) for task in job.tasks))


def _from_hub(task: Task) -> bool:
    location = getattr(task, "location", None)
    return isinstance(location, HubData) or (isinstance(task, SuiteTask) and location is None)


@dataclass
class _Measured:
    """One subject on one task. said: where the questions are ours."""

    subject: str
    task: Task
    rows: list[Row]
    samples: list[Row]
    said: list[Any] | None = None


@dataclass
class Evaluation:
    """All subjects on all tasks, one model loaded at a time; then the judge."""

    context: Context
    job: EvaluateJob
    work: dict[str, Any] = field(default_factory=dict)
    found: list[_Measured] = field(default_factory=list)
    templates: dict[str, Row] = field(default_factory=dict)
    weights: dict[str, str] = field(default_factory=dict)
    engine: Row = field(default_factory=dict)
    judge: Row | None = None

    @property
    def rows(self) -> list[Row]:
        return [row for one in self.found for row in one.rows]

    @property
    def samples(self) -> list[Row]:
        return [sample for one in self.found for sample in one.samples]

    def run(self) -> None:
        from smolc.runtime.evaluate.checkpoints import forget, subjects_of
        from smolc.runtime.evaluate.subjects import device_of, promptings
        from smolc.runtime.evaluate.suite import load_suite
        from smolc.runtime.evaluate.tasks.base import load

        for task in self.job.tasks:
            if isinstance(task, SuiteTask):
                self.work[task.name] = load_suite(self.context, task)
            else:
                self.work[task.name] = load(self.context, self.job, task)
        self.device = device_of(self.job)
        if self.job.judge is not None:
            self._demand_judge(self.job.judge)
        found = subjects_of(self.context, self.job)
        subjects = tuple(subject for subject, _ in found)
        prompts = promptings(self.context, self.job.model_copy(update={"subjects": subjects}))
        gc.freeze()  # What was imported need not be looked through each time a model is given back.
        self.meter = Meter(self.context, len(subjects) * len(self.job.tasks))
        # As they come, for who looks into a run that is not over.
        self.stream = (self.context.out / "samples.jsonl").open("w", encoding="utf-8")
        try:
            with self.stream:
                for subject, at in found:
                    self._subject(subject, at, prompts[subject.name])
        finally:
            forget(self.context)
        if self.job.judge is not None:
            self._judge(self.job.judge)

    def _demand_judge(self, judge: Judge) -> None:
        """Raises JobError before anything is asked if a judge whose weights lie here is not the one demanded."""
        from smolc.runtime.evaluate.engines.fingerprint import folder_sha256
        from smolc.runtime.evaluate.judge.identity import demand_pin

        at = Path(self.context.model_of(judge.job).source)
        if at.is_dir():
            precision = "bfloat16" if self.job.precision == "bf16" else "float32"
            demand_pin(judge, f"sha256:{folder_sha256(at, answers_of(self.context))} {precision}")

    def _subject(self, subject: Subject, at: ModelAt, prompting: Any) -> None:
        from smolc.runtime.evaluate.subjects import described

        with self._opened(at, prompting) as lm:
            self.weights[subject.name] = lm.fingerprint
            for task in self.job.tasks:
                one = self._task(lm, subject.name, task)
                self.found.append(one)
                example = one.samples[0]["prompt"]
                self.templates.setdefault(subject.name, described(subject.template, prompting, example))

    @contextmanager
    def _opened(self, at: ModelAt, prompting: Any) -> Iterator[Any]:
        """A model, loaded, with the decoding that ends its turns and its answers of before; closed afterwards."""
        with opened(
            self.context, self.job, at, prompting, self.job.strip_thinking, self.job.decode.max_new
        ) as lm:
            try:
                yield lm
            finally:
                # vLLM starts with the first answer.
                self.engine = {"name": lm.engine.name, "version": lm.engine.version}

    def _task(self, lm: Any, name: str, task: Task) -> _Measured:
        import torch

        from smolc.runtime.evaluate.asked import ask
        from smolc.runtime.evaluate.reference_loss import reference_loss
        from smolc.runtime.evaluate.score import rows_of, sample_of, score_suite
        from smolc.runtime.evaluate.tasks.own import OwnRows

        decode, material = self.job.decode, self.work[task.name]
        answers = _answers(task, material)
        lm.decoding = replace(
            lm.decoding,
            temperature=decode.temperature,
            top_p=decode.top_p,
            max_new=task.max_new or decode.max_new,
            # The same for each subject and whatever else is evaluated.
            seed=zlib.crc32(f"{self.job.seed} {task.name}".encode()),
            tell=self.meter.start(f"{name} on {task.name}", answers),
        )
        lm.cached = 0
        start = time.monotonic()
        said = None
        try:
            if isinstance(task, SuiteTask):
                rows, samples = score_suite(lm, task, material, self.job.seed)
            else:
                scored = self.meter.start(f"{name} on {task.name}, scored", answers)
                said = ask(lm, task.name, material, task.avg, scored)
                rows, samples = rows_of(task, material, said), [sample_of(one) for one in said]
        except torch.OutOfMemoryError as error:
            raise JobError(
                f"{name} on {task.name}: out of memory", help="write batch = 8, say, or a smaller max_new"
            ) from error
        rows[0]["cached"] = lm.cached
        rows[0]["seconds"] = round(time.monotonic() - start, 3)
        if isinstance(material, OwnRows) and (loss := reference_loss(lm, task, material.questions)):
            rows.append(loss)
        one = _Measured(name, task, _named(rows, name), [_of(s, name, task) for s in samples], said)
        self.stream.write(_lines(one.samples))
        self.stream.flush()
        if not isinstance(task, JudgedTask):
            _tell(one.rows)
        _no_scored_thinking(self.job, one.rows[0], len(one.samples))
        self.meter.finish()
        return one

    def _judge(self, judge: Judge) -> None:
        """What it says of the judged tasks goes into their rows and samples."""
        from smolc.runtime.evaluate.judge.run import Work
        from smolc.runtime.evaluate.judge.run import judge as judged
        from smolc.runtime.evaluate.judge.speaker import ChatSpeaker
        from smolc.runtime.evaluate.score import rows_of, sample_of
        from smolc.runtime.evaluate.subjects import prompting_of

        tasks = [task for task in self.job.tasks if isinstance(task, JudgedTask)]
        work = [
            Work(task, {one.subject: one.said or [] for one in self.found if one.task is task})
            for task in tasks
        ]
        with self._opened(
            self.context.model_of(judge.job), prompting_of(self.context, self.job, judge)
        ) as lm:
            lm.decoding = replace(
                lm.decoding, tell=self.meter.start(f"{judge.name} judges", _judgements(work))
            )
            judgment = judged(self.context, self.job, work, lm.fingerprint, lambda: ChatSpeaker(lm))
        self.judge = judgment.identity
        for one in self.found:
            if one.task in tasks and one.said is not None:
                rows = rows_of(one.task, self.work[one.task.name], one.said)
                rows[0].update({key: one.rows[0][key] for key in ("seconds", "cached")})
                rows[0].update(judgment.counts[one.task.name, one.subject])
                one.rows = _named(rows, one.subject)
                one.samples = [_of(sample_of(s), one.subject, one.task) for s in one.said]
                _tell(one.rows)
        write_atomically(self.context.out / "samples.jsonl", _lines(self.samples))


def _lines(samples: list[Row]) -> str:
    return "".join(json.dumps(sample, ensure_ascii=False) + "\n" for sample in samples)


def _named(rows: list[Row], subject: str) -> list[Row]:
    return [{"model": subject, "seconds": 0.0, **row} for row in rows]


def _of(sample: Row, subject: str, task: Task) -> Row:
    return {"model": subject, "task": task.name, **sample}


def _tell(rows: list[Row]) -> None:
    for row in rows:
        print(line(row))


def _judgements(work: list[Any]) -> int:
    """About how often the judge is asked: once for each turn, or twice for each pair."""
    return 2 * sum(len(said) for one in work for said in one.said.values())


def _no_scored_thinking(job: EvaluateJob, row: Row, answers: int) -> None:
    """Raises JobError if what was scored holds chains of thought that the recipe wants taken out."""
    if job.strip and row["thinking_scored"] > SCORED_THINKING * answers:
        raise JobError(
            f"{row['model']} on {row['task']}: {row['thinking_scored']} of {answers} answers were scored with their "
            "chain of thought, since its tags are not those that are taken out",
            help='declare them on the template (thinking = tags("<think>", "</think>")), or write strip = nothing',
        )


def _answers(task: Task, material: Any) -> int:
    """How many answers a task asks for, about."""
    if isinstance(task, SuiteTask):
        problems = sum(len(t.eval_docs) for t in material["tasks"].values())
        return min(task.subset or problems, problems) * task.avg
    return len(material.questions) * task.avg
