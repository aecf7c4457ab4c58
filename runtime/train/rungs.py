"""The parts of a run in a halved grid: one job trains up to a rung, and the next goes on from its last checkpoint.

All parts have the settings of the whole run, schedule and row order too, so that together they are the run that one job
would have made: the loss curve of the last is that of an uninterrupted run. (Where no multiple of `log_every` lies between
a rung and the end, it has one value more, at the rung.)
"""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import Any

from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.train import Part, TrainJob
from smolc.runtime.report.outputs import mapping, objects
from smolc.runtime.train.seal import DamagedError, check
from smolc.runtime.train.steps import Length

GOES_ON = "goes on"


class Reached(Exception):
    """Training was at the end of its part when it began: it was killed between its last checkpoint and its result."""


def ended_before(context: Context, job: TrainJob) -> dict[str, Any] | None:
    """`result.json` of a run that is over before this part of it, since it diverged or was stopped; None if it goes on."""
    part = job.part
    if part is None or part.before is None or part.verdict is None:
        return None
    result = context.result_of(part.before)
    rows = objects(context.result_of(part.verdict).get("table"))
    verdict = next((row.get("verdict") for row in rows if row.get("then") == job.id), None)
    if verdict == GOES_ON:
        return None
    if result.get("diverged") or result.get("stopped"):
        return result
    rung = mapping(result.get("rung"))
    said = f"stopped at step {rung.get('step')} of {rung.get('of')}"
    return {**result, "stopped": True, "why": said}


def take_curve(context: Context, job: TrainJob) -> None:
    """What was logged up to this part is logged here too. For the main process."""
    assert job.part is not None and job.part.before is not None
    metrics = context.out_of(job.part.before) / "metrics.jsonl"
    if metrics.is_file():
        shutil.copyfile(metrics, context.out / "metrics.jsonl")


def handed_on(context: Context, part: Part | None) -> Path | None:
    """The checkpoint that the job before ended with; None for the first part. Raises JobError if it is not whole."""
    if part is None or part.before is None:
        return None
    step = mapping(context.result_of(part.before).get("rung")).get("step")
    checkpoint = context.out_of(part.before) / "checkpoints" / f"checkpoint-{step}"
    try:
        check(checkpoint)
    except DamagedError as error:
        raise JobError(
            f"{part.before} left no whole checkpoint to go on from: {error}",
            help=f"delete out/{part.before}/done.json and run again",
        ) from error
    return checkpoint


def last_step(job: TrainJob, length: Length) -> int:
    """The step that this part ends with: moved to where the loss is written down next, so that all values of the curve are
    means over as many steps as in one piece. Raises JobError if nothing would be left to train after it."""
    until = job.part.until if job.part else None
    if until is None:
        return length.steps
    # Six digits, so that 0.1 of 30 steps are not 4.
    step = max(1, math.ceil(round(until * length.steps, 6)))
    logged = math.ceil(step / job.log_every) * job.log_every
    step = logged if logged < length.steps else step
    if step >= length.steps:
        raise JobError(
            f"a run of {length.steps} step{'s' if length.steps > 1 else ''} has no rung at {until:.4g} of them",
            help="train longer, or take halve_at out of the sweep",
        )
    return step
