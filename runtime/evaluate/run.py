"""`kind: evaluate`: the same tasks on several models, side by side, with lm-eval."""

from __future__ import annotations

import gc
import json
import logging
import os
import time
import zlib
from dataclasses import dataclass, field
from typing import Any

from smolc.runtime.evaluate.meter import Meter
from smolc.runtime.evaluate.told import line
from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.evaluate import EvaluateJob, SuiteTask, Task
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

    job = _without_diverged(context, job)
    found = _Evaluation(context, job)
    found.run()
    write(context, job, found)


def _without_diverged(context: Context, job: EvaluateJob) -> EvaluateJob:
    """Runs of a grid that diverged left no model. Raises JobError if nothing else is to be evaluated."""
    left = tuple(s for s in job.subjects if not context.result_of(s.job).get("diverged"))
    for subject in job.subjects:
        if subject not in left:
            print(f"{subject.name}: not evaluated, since its training diverged")
    if not left:
        raise JobError("each of these runs diverged", help="lower the learning rate")
    return job.model_copy(update={"subjects": left})


def prepare_environment(context: Context, job: EvaluateJob) -> None:
    """What the libraries read when they are imported. Offline where nothing comes from a hub."""
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    for name in ("TQDM_DISABLE", "HF_HUB_DISABLE_PROGRESS_BARS", "HF_DATASETS_DISABLE_PROGRESS_BARS"):
        os.environ.setdefault(name, "1")
    models = [s.job for s in job.subjects] + ([job.judge.job] if job.judge else [])
    local_models = all("hub" not in context.result_of(m).get("model", {}) for m in models)
    if local_models and not any(_from_hub(task) for task in job.tasks):
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
        os.environ.setdefault("HF_DATASETS_OFFLINE", "1")
    logging.getLogger("lm_eval").setLevel(logging.ERROR)


def _from_hub(task: Task) -> bool:
    location = getattr(task, "location", None)
    return isinstance(location, HubData) or (isinstance(task, SuiteTask) and location is None)


@dataclass
class _Evaluation:
    """All subjects on all tasks, one model loaded at a time."""

    context: Context
    job: EvaluateJob
    rows: list[Row] = field(default_factory=list)
    samples: list[Row] = field(default_factory=list)
    templates: dict[str, Row] = field(default_factory=dict)
    work: dict[str, Any] = field(default_factory=dict)

    def run(self) -> None:
        from smolc.runtime.evaluate.subjects import device_of, promptings
        from smolc.runtime.evaluate.suite import load_suite
        from smolc.runtime.evaluate.tasks.base import load

        for task in self.job.tasks:
            is_suite = isinstance(task, SuiteTask)
            self.work[task.name] = load_suite(self.context, task) if is_suite else load(self.context, self.job, task)
        self.device = device_of(self.job)
        prompts = promptings(self.context, self.job)
        gc.freeze()  # What was imported need not be looked through each time a model is given back.
        self.meter = Meter(self.context, len(self.job.subjects) * len(self.job.tasks))
        self.stream = (self.context.out / "samples.jsonl").open("w", encoding="utf-8")
        with self.stream:
            for subject in self.job.subjects:
                self._subject(subject, prompts[subject.name])

    def _subject(self, subject: Any, prompting: Any) -> None:
        from smolc.runtime.evaluate.generate import ChatModel
        from smolc.runtime.evaluate.subjects import described, end_ids_of, load_model, release

        model = load_model(self.context.model_of(subject.job), self.job, self.device)
        ends = tuple(sorted(prompting.end_ids | end_ids_of(model)))
        lm = ChatModel(model, prompting.tokenizer, prompting.template, self.job.batch)
        for task in self.job.tasks:
            said = self._task(lm, subject.name, task, ends, prompting.end_text)
            self.templates.setdefault(subject.name, described(subject.template, prompting, said[0]["prompt"]))
        del lm, model
        release()

    def _task(self, lm: Any, name: str, task: Task, ends: tuple[int, ...], end_text: str | None) -> list[Row]:
        import torch

        from smolc.runtime.evaluate.generate import Decoding
        from smolc.runtime.evaluate.reference_loss import reference_loss
        from smolc.runtime.evaluate.score import score_questions, score_suite
        from smolc.runtime.evaluate.tasks.own import OwnRows

        decode, material = self.job.decode, self.work[task.name]
        lm.decoding = Decoding(
            temperature=decode.temperature,
            top_p=decode.top_p,
            max_new=task.max_new or decode.max_new,
            end_ids=ends,
            end_text=end_text,
            thinking=self.job.strip_thinking,
            # The same for each subject and whatever else is evaluated.
            seed=zlib.crc32(f"{self.job.seed} {task.name}".encode()),
            tell=self.meter.start(f"{name} on {task.name}", _answers(task, material)),
        )
        start = time.monotonic()
        try:
            if isinstance(task, SuiteTask):
                rows, said = score_suite(lm, task, material, self.job.seed)
            else:
                scored = self.meter.start(f"{name} on {task.name}, scored", _answers(task, material))
                rows, said = score_questions(lm, task, material, scored)
        except torch.OutOfMemoryError as error:
            raise JobError(
                f"{name} on {task.name}: out of memory", help="write batch = 8, say, or a smaller max_new"
            ) from error
        rows[0]["seconds"] = round(time.monotonic() - start, 3)
        if isinstance(material, OwnRows) and (loss := reference_loss(lm, task, material.questions)):
            rows.append(loss)
        rows = [{"model": name, "seconds": 0.0, **row} for row in rows]
        samples = [{"model": name, "task": task.name, **s} for s in said]
        for row in rows:
            print(line(row))
        self.stream.writelines(json.dumps(s, ensure_ascii=False) + "\n" for s in samples)
        self.stream.flush()
        _no_scored_thinking(self.job, rows[0], len(samples))
        self.rows += rows
        self.samples += samples
        self.meter.finish()
        return said


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
