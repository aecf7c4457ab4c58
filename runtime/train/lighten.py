"""What stays of the checkpoints when a run is over: the weights of those before its last step, for evals, merges and
`smolc chat`. The last is the model itself, and nothing goes on from the others any more; with their optimiser states a
grid of nine runs would fill a disk (fp32 masters: 12 bytes a parameter in each)."""

from __future__ import annotations

import shutil
from pathlib import Path

from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.train import TrainJob
from smolc.runtime.train import resume
from smolc.runtime.train.seal import COMPLETE

OF_A_MODEL = frozenset({".safetensors", ".json", ".jinja", ".txt", ".model"})
"""Ends of the names of files that a model is loaded from; optimiser, schedule and random states have others."""


def lighten(context: Context) -> None:
    """For the main process, when `done.json` is there. A part of a halved grid's run is gone on from, and stays as it is."""
    job = context.job
    assert isinstance(job, TrainJob)
    if job.part is not None and job.part.until is not None:
        return
    checkpoints = context.out / "checkpoints"
    resume.lightened(checkpoints)
    last = context.result_of(job.id).get("steps")
    for path in resume.whole_ones(checkpoints):
        if path.name == f"checkpoint-{last}":
            (path / COMPLETE).unlink()
            shutil.rmtree(path, ignore_errors=True)
        else:
            _lighten(path)


def _lighten(checkpoint: Path) -> None:
    for path in checkpoint.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        elif path.name != COMPLETE and path.suffix not in OF_A_MODEL:
            path.unlink(missing_ok=True)
