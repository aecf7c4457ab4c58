"""The checkpoints that training kept, as models that can be asked: `sft@120` is what `sft` was at step 120.

A train job keeps the newest `keep` of them in `out/<id>/checkpoints/checkpoint-<step>/`, as transformers' Trainer writes
them. What can be loaded of these:

- full training, on one device or with DDP, FSDP2 (full state dicts) or ZeRO (gathered on saving): as it lies there;
- LoRA and QLoRA: the adapter is added to the start model, in `checkpoints/` of the job that asks, until `forget`;
- parts of weights without the whole (a `deepspeed.json` or `accelerate.yaml` that was changed by hand): not at all. It
  is said, and left out.

The checkpoint of the last step is the trained model itself, and no subject of its own.
"""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from smolc.runtime.jobs.context import Context, ModelAt
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.evaluate import EvaluateJob, Subject
from smolc.runtime.jobs.manifest import read_job
from smolc.runtime.jobs.train import Full, TrainJob
from smolc.runtime.train.resume import differences, made_from
from smolc.runtime.train.seal import COMPLETE

CONVERTED = "checkpoints"


@dataclass(frozen=True)
class Checkpoint:
    """job: the id of the train job that wrote it. step: counted from 1."""

    job: str
    step: int
    folder: Path


def by_step(name: str) -> tuple[bool, str, int]:
    """What names of subjects are sorted by so that checkpoints come last, those of a subject by their step."""
    subject, at, step = name.rpartition("@")
    return (True, subject, int(step)) if at and step.isdecimal() else (False, "", 0)


def subjects_of(context: Context, job: EvaluateJob) -> list[tuple[Subject, ModelAt]]:
    """The job's subjects in their order, then, if it asks for `checkpoints`, those that each of them kept, by step.
    What can't be loaded is said and left out. Raises JobError."""
    found = [(subject, context.model_of(subject.job)) for subject in job.subjects]
    if not job.checkpoints:
        return found
    for subject in job.subjects:
        trained = trained_by(context, subject.job)
        if trained is None:
            continue
        kept = checkpoints_of(context, trained)
        if not kept:
            print(
                f"{subject.name}: no checkpoints are kept from before its last step "
                "(a stage writes them with save_every, and keeps the newest `keep`)"
            )
        for one in kept:
            name = f"{subject.name}@{one.step}"
            try:
                at = weights_of(context, one, context.out / CONVERTED / name)
            except JobError as error:
                print(f"{name}: not evaluated: {error.message}")
                continue
            found.append((subject.model_copy(update={"name": name}), at))
    return found


def forget(context: Context) -> None:
    """Remove what `subjects_of` had to convert: each is as large as the model."""
    shutil.rmtree(context.out / CONVERTED, ignore_errors=True)


def trained_by(context: Context, job_id: str) -> str | None:
    """The train job that a subject's weights are of, through the picks of grids; None where nothing trained them.
    Raises JobError if a pick has no result."""
    kinds = {entry.id: entry.kind for entry in context.manifest.jobs}
    while kinds.get(job_id) == "pick":
        job_id = str(context.result_of(job_id).get("winner"))
    return job_id if kinds.get(job_id) == "train" else None


def checkpoints_of(context: Context, job_id: str) -> list[Checkpoint]:
    """The complete checkpoints of a train job, of the run that made its model, by step; without the last step, which is
    that model. The job may still run, or have failed: then all of them are there."""
    folder = context.out_of(job_id) / "checkpoints"
    job = read_job(context.folder, job_id)
    if not folder.is_dir():
        return []
    if differences(folder, made_from(Context(context.folder, context.manifest, job))):
        print(f"{job_id}: its checkpoints are of an older recipe, and not used")
        return []
    try:
        last = context.result_of(job_id).get("steps")
    except JobError:
        last = None
    found = []
    for path in folder.glob("checkpoint-*"):
        step = re.fullmatch(r"checkpoint-([0-9]+)", path.name)
        if step and (path / COMPLETE).is_file() and int(step[1]) != last:
            found.append(Checkpoint(job_id, int(step[1]), path))
    return sorted(found, key=lambda one: one.step)


def weights_of(context: Context, checkpoint: Checkpoint, into: Path) -> ModelAt:
    """Where transformers loads a checkpoint from: as it is, or converted into the folder `into`. Raises JobError if
    neither works."""
    folder = checkpoint.folder
    job = read_job(context.folder, checkpoint.job)
    if isinstance(job.adapter, Full):
        if any(folder.glob("model*.safetensors")) and (folder / "config.json").is_file():
            return ModelAt(str(folder.resolve()))
        parts = sorted(
            {p.name for kind in ("global_step*", "pytorch_model_fsdp*") for p in folder.glob(kind)}
        )
        held = f"only parts of its weights ({', '.join(parts)})" if parts else "no model.safetensors"
        raise JobError(
            f"{folder.name} of {checkpoint.job} has {held}, which can't be loaded as a model",
            help="let the launch files be as smolc build wrote them: they gather the weights on saving",
        )
    if not (folder / "adapter_model.safetensors").is_file():
        raise JobError(f"{folder.name} of {checkpoint.job} has no adapter_model.safetensors")
    _merge(context, job, folder, into)
    return ModelAt(str(into.resolve()))


def _merge(context: Context, job: TrainJob, adapter: Path, into: Path) -> None:
    """As the trained model itself is made: the adapter is added to the start model's weights in fp32."""
    from smolc.runtime.train.model import load_tokenizer, saved_dtype
    from smolc.runtime.train.save import merge

    tokenizer = load_tokenizer(str(context.out_of(job.data) / "tokenizer"))
    try:
        merged = merge(job, context.model_of(job.init), adapter, tokenizer)
    except Exception as error:  # half a file, other shapes, a base that is gone: each raises its own
        reason = (str(error) or type(error).__name__).strip().splitlines()[0]
        raise JobError(f"{adapter.name} of {job.id} can't be added to {job.init}: {reason}") from error
    shutil.rmtree(into, ignore_errors=True)
    merged.to(saved_dtype(job)).save_pretrained(into)
    tokenizer.save_pretrained(into)
