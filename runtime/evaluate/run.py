"""`kind: evaluate`: the same tasks on several models, side by side, with lm-eval."""

from __future__ import annotations

import gc
import json
import logging
import os
import time
import zlib
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.evaluate import EvaluateJob, OwnTask, SuiteTask
from smolc.runtime.jobs.files import write_atomically
from smolc.runtime.jobs.prepare import FileData

PACKAGES = ("lm-eval", "torch", "transformers", "datasets")
Row = dict[str, Any]


def run(context: Context) -> None:
    """Write `results.json`, `samples.jsonl` and `result.json`. Raises JobError."""
    job: EvaluateJob = context.job  # type: ignore[assignment]
    if not job.subjects or not job.tasks:
        raise JobError("there is nothing to evaluate", help="name a model in `of` and a task in `tasks`")
    prepare_environment(context, job)
    # Imported here: what they import reads the environment.
    from smolc.runtime.evaluate.own import read_problems
    from smolc.runtime.evaluate.subjects import device_of, promptings
    from smolc.runtime.evaluate.suite import load_suite

    job = _without_diverged(context, job)
    device = device_of(job)
    work = [
        read_problems(context, task, job.strip_thinking) if isinstance(task, OwnTask) else load_suite(task)
        for task in job.tasks
    ]
    rows, samples, templates = _evaluate(context, job, device, promptings(context, job), work)
    results = {
        "role": job.role,
        "rows": rows,
        "decode": job.decode.model_dump(),
        "strip_thinking": job.strip_thinking,
        "templates": templates,
        "versions": {name: version(name) for name in PACKAGES},
        "device": device.type,
    }
    lines = [json.dumps(sample, ensure_ascii=False) + "\n" for sample in samples]
    write_atomically(context.out / "samples.jsonl", "".join(lines))
    write_atomically(
        context.out / "results.json",
        json.dumps(results, indent=1, ensure_ascii=False, allow_nan=False) + "\n",
    )
    context.write_result(
        {"role": job.role, "scores": {f"{r['model']}.{r['task']}": r["value"] for r in rows}}
    )


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
    local_models = all("hub" not in context.result_of(s.job).get("model", {}) for s in job.subjects)
    local_data = all(isinstance(t, OwnTask) and isinstance(t.location, FileData) for t in job.tasks)
    if local_models and local_data:
        os.environ.setdefault("HF_HUB_OFFLINE", "1")
        os.environ.setdefault("HF_DATASETS_OFFLINE", "1")
    logging.getLogger("lm_eval").setLevel(logging.ERROR)


def _evaluate(
    context: Context, job: EvaluateJob, device: Any, prompts: dict[str, Any], work: list[Any]
) -> tuple[list[Row], list[Row], dict[str, Row]]:
    """Rows and samples of all subjects, one loaded at a time, and how each was prompted."""
    import torch

    from smolc.runtime.evaluate.generate import ChatModel
    from smolc.runtime.evaluate.reference_loss import reference_loss
    from smolc.runtime.evaluate.score import score_own, score_suite
    from smolc.runtime.evaluate.subjects import described, end_ids_of, load_model, release

    rows: list[Row] = []
    samples: list[Row] = []
    templates: dict[str, Row] = {}
    gc.freeze()  # What was imported need not be looked through each time a model is given back.
    meter = _Meter(context, len(job.subjects) * len(job.tasks))
    for subject in job.subjects:
        prompting = prompts[subject.name]
        model = load_model(context.model_of(subject.job), job, device)
        ends = tuple(sorted(prompting.end_ids | end_ids_of(model)))
        lm = ChatModel(model, prompting.tokenizer, prompting.template, job.batch)
        for task, material in zip(job.tasks, work, strict=True):
            tell = meter.start(f"{subject.name} on {task.name}", _answers(task, material))
            lm.decoding = _decoding(job, task, ends, prompting.end_text, tell)
            start = time.monotonic()
            try:
                if isinstance(task, OwnTask):
                    row, said = score_own(lm, task, material)
                else:
                    row, said = score_suite(lm, task, material)
            except torch.OutOfMemoryError as error:
                raise JobError(
                    f"{subject.name} on {task.name}: out of memory with {job.batch} prompts at once",
                    help=f"write batch = {max(1, job.batch // 4)}, or a smaller max_new",
                ) from error
            row = {"model": subject.name, "task": task.name, **row}
            row["seconds"] = round(time.monotonic() - start, 3)
            rows.append(row)
            samples += [{"model": subject.name, "task": task.name, **s} for s in said]
            templates.setdefault(subject.name, described(subject.template, prompting, said[0]["prompt"]))
            print(_line(row))
            if isinstance(task, OwnTask) and (loss := reference_loss(lm, task, material)) is not None:
                rows.append({"model": subject.name, "task": f"{task.name}_loss", **loss, "seconds": 0.0})
                print(_line(rows[-1]))
            meter.finish()
        del lm, model
        release()
    return rows, samples, templates


def _decoding(
    job: EvaluateJob,
    task: OwnTask | SuiteTask,
    ends: tuple[int, ...],
    end_text: str | None,
    tell: Callable[[int], None],
) -> Any:
    from smolc.runtime.evaluate.generate import Decoding

    return Decoding(
        temperature=job.decode.temperature,
        top_p=job.decode.top_p,
        max_new=task.max_new or job.decode.max_new,
        end_ids=ends,
        end_text=end_text,
        thinking=job.strip_thinking,
        # The same for each subject and whatever else is evaluated.
        seed=zlib.crc32(f"{job.seed} {task.name}".encode()),
        tell=tell,
    )


def _answers(task: OwnTask | SuiteTask, material: Any) -> int:
    """How many answers a task asks for, about."""
    if isinstance(task, OwnTask):
        return len(material) * task.avg
    return sum(min(task.rows or 10**9, len(t.eval_docs)) * task.avg for t in material["tasks"].values())


def _line(row: Row) -> str:
    spread = f" ± {row['stderr']:.4f}" if row["stderr"] is not None else ""
    counted = [f"{row[name]} {said}" for name, said in SAID.items() if row[name]]
    if row["stopped"] is not None and row["stopped"] < 1:
        counted.append(f"{1 - row['stopped']:.0%} never stopped")
    return (
        f"{row['model']}.{row['task']} = {row['value']:.4f}{spread} ({row['metric']}, n = {row['n']}"
        f"{', avg@' + str(row['k']) if row['k'] > 1 else ''}, {row['seconds']:.1f} s)"
        f"{': ' if counted else ''}{', '.join(counted)}"
    )


SAID = {"no_answer": "without an answer", "unterminated": "thought without end"}


class _Meter:
    """Progress over all tasks in their answers, at most two lines a second."""

    def __init__(self, context: Context, parts: int) -> None:
        self.context, self.parts = context, parts
        self.finished, self.last = 0, 0.0

    def start(self, note: str, answers: int) -> Callable[[int], None]:
        def tell(done: int) -> None:
            now = time.monotonic()
            if now - self.last >= 0.5:
                self.last = now
                part = min(1.0, done / max(1, answers))
                self.context.progress(
                    round(self.finished + part, 3), self.parts, "task", f"{note}: {done} of {answers}"
                )

        self.last = 0.0
        return tell

    def finish(self) -> None:
        self.finished += 1
        self.context.progress(self.finished, self.parts, "task")
