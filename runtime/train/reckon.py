"""How a batch is divided where nothing is measured: by the memory that activations are reckoned to take.

That is for short runs, sharded weights, and rows that are not packed: those differ in length, and a micro batch planned for
the longest allowed one would hold few tokens of usual ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from smolc.runtime.jobs.train import TrainJob
from smolc.runtime.train.footprint import Shape, activations, plan_of, weights

ROOM = 0.9
"""Of a device's memory that a choice may take which was never tried."""
MARGIN = 1.5
"""Times the estimate of activations; weights are known."""
MOST_TOKENS = 65536
"""Of a micro batch: larger ones are no faster."""

Ints = np.ndarray[Any, np.dtype[np.int64]]


def reckoned(
    job: TrainJob, shape: Shape | None, memory: float, sequences: Ints, rows: int, *, bound: bool
) -> TrainJob:
    """The job with another micro batch or with no layer recomputed, where the recipe leaves them open: the first of
    `divisions` that is reckoned to fit, else as planned.

    memory: of a device, in bytes. sequences: lengths of all that the model reads. rows: that they belong to. bound: whether
    the loss is over a micro batch.
    """
    if shape is None or not (job.probe.micro or job.probe.checkpointing):
        return job
    packed = job.packing != "none"
    plan = plan_of(job) if packed else plan_of(job).changed(length=int(sequences.max()))
    usual = int(sequences.sum()) / rows
    micros = [job.batch.micro] if packed or bound or not job.probe.micro else list(larger(job, usual))
    for checkpointing, micro in divisions(job, micros):
        asked = plan.changed(micro=micro, checkpointing=checkpointing)
        if weights(job, shape, asked) + MARGIN * activations(job, shape, asked) <= ROOM * memory:
            batch = {"micro": micro, "accumulation": job.batch.micro * job.batch.accumulation // micro}
            return job.model_copy(
                update={"batch": job.batch.model_copy(update=batch), "checkpointing": checkpointing}
            )
    return job


def larger(job: TrainJob, usual: float) -> Iterator[int]:
    """Micro batches from the largest to the planned one that divide a device's share. usual: tokens of a row."""
    share = job.batch.micro * job.batch.accumulation
    for micro in range(share, job.batch.micro, -1):
        if share % micro == 0 and micro * usual <= MOST_TOKENS:
            yield micro
    yield job.batch.micro


def divisions(job: TrainJob, micros: list[int]) -> Iterator[tuple[float, int]]:
    """Recomputing costs a quarter to a third, small micro batches as much."""
    planned = float(job.checkpointing)
    for checkpointing in dict.fromkeys((0.0, planned) if job.probe.checkpointing else (planned,)):
        for micro in micros:
            yield checkpointing, micro
