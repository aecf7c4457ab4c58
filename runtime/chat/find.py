"""Whom to talk to in a compiled folder: whose weights, and how they were taught to be asked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from smolc.runtime.evaluate.checkpoints import Checkpoint, checkpoints_of, trained_by
from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.done import read_done
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.evaluate import EvaluateJob
from smolc.runtime.jobs.manifest import BrokenFolder, Entry, read_job, read_manifest
from smolc.runtime.jobs.prepare import TemplateSpec

MAKERS = ("model", "train", "pick", "merge")


class Unknown(Exception):
    """What is asked for is not in the folder."""


@dataclass(frozen=True)
class Partner:
    """job: the one whose `model` is loaded, or whose `checkpoint`. tokenizer: the prepare job that left it; None for the
    model's own. template: None for the tokenizer's. old: whether its output is of an older recipe."""

    name: str
    job: str
    checkpoint: Checkpoint | None
    template: TemplateSpec | None
    tokenizer: str | None
    trust_remote_code: bool
    old: bool


def find(folder: Path, stage: str | None, step: int | None) -> tuple[Context, Partner]:
    """stage: a stage, a model or a job, perhaps with its step (`sft@120`); None for the last that is done. Raises
    BrokenFolder, Unknown, and JobError if it made no model yet."""
    manifest = read_manifest(folder)
    if stage is not None and step is None and (at := re.fullmatch(r"(.+)@([0-9]+)", stage)):
        stage, step = at[1], int(at[2])
    entries = [entry for entry in manifest.jobs if entry.kind in MAKERS]
    entry = _last_done(folder, entries) if stage is None else _named(entries, stage)
    context = Context(folder, manifest, read_job(folder, entry.id))
    trained = trained_by(context, entry.id)
    template, tokenizer = _asked_in(context, entry.id, trained)
    return context, Partner(
        name=f"{stage or entry.id}{f'@{step}' if step is not None else ''}",
        job=entry.id,
        checkpoint=_checkpoint(context, entry.id, trained, step) if step is not None else None,
        template=template,
        tokenizer=tokenizer,
        trust_remote_code=bool(getattr(read_job(folder, trained or entry.id), "trust_remote_code", False)),
        old=(read_done(folder, entry.id) or {}).get("hash") != entry.hash,
    )


def lent(context: Context) -> tuple[TemplateSpec, str] | None:
    """The template, and the prepare job with its tokenizer, of the first stage that has one: what a base model without
    any is asked in."""
    for entry in context.manifest.jobs:
        if entry.kind == "train":
            template, tokenizer = _asked_in(context, entry.id, entry.id)
            if template is not None and tokenizer is not None:
                return template, tokenizer
    return None


def _last_done(folder: Path, entries: list[Entry]) -> Entry:
    for entry in reversed(entries):
        if (read_done(folder, entry.id) or {}).get("hash") == entry.hash:
            return entry
    raise Unknown("no stage of this folder is done: smolc run makes its models")


def _named(entries: list[Entry], name: str) -> Entry:
    by_id = [entry for entry in entries if entry.id == name.replace(".", "-")]
    of_stage = [entry for entry in entries if entry.stage == name]
    # A grid's stage is its winner.
    for entry in (*by_id, *(e for e in of_stage if e.kind == "pick"), *of_stage):
        return entry
    raise Unknown(f"no stage or model is called {name}; there are: {', '.join(e.id for e in entries)}")


def _asked_in(context: Context, job_id: str, trained: str | None) -> tuple[TemplateSpec | None, str | None]:
    """As the recipe's evals ask it, else as it was trained."""
    for entry in context.manifest.jobs:
        if entry.kind == "evaluate":
            try:
                job = read_job(context.folder, entry.id)
            except BrokenFolder:
                continue  # of no matter for a chat
            assert isinstance(job, EvaluateJob)
            for subject in job.subjects:
                if subject.job in (job_id, trained):
                    return subject.template, subject.tokenizer
    if trained is None:
        return None, None
    data = read_job(context.folder, trained).data
    return read_job(context.folder, data).template, data


def _checkpoint(context: Context, job_id: str, trained: str | None, step: int) -> Checkpoint | None:
    """None for the step that the model itself is of."""
    if trained is None:
        raise Unknown(f"{job_id} is not trained here, and has no checkpoints")
    try:
        last = context.result_of(trained).get("steps")
    except JobError:
        last = None
    if step == last:
        return None
    kept = checkpoints_of(context, trained)
    for one in kept:
        if one.step == step:
            return one
    steps = [str(one.step) for one in kept] + ([str(last)] if last is not None else [])
    raise Unknown(f"{job_id} has no checkpoint of step {step}; there are: {', '.join(steps) or 'none'}")
