"""Which device gets which rows of an optimiser step, so that no device waits long for another. No torch.

transformers hands out batches in turn: with `r` devices, batch `i` of `micro` rows goes to device `i % r` in micro step
`i // r` (accelerate's BatchSamplerShard). Moving rows within an optimiser step leaves its loss alone where the loss is
a mean over the whole step.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from smolc.runtime.jobs.prepare import Method
from smolc.runtime.jobs.train import Batch

Ints = np.ndarray[Any, np.dtype[np.int64]]
Floats = np.ndarray[Any, np.dtype[np.float64]]


def balanced(work: Floats, micro: int, accumulation: int, ranks: int, order: Ints) -> Ints:
    """The order with the rows of each step moved, such that in each micro step the devices have about equal work.

    work: of each row, float64[rows]. order: row numbers, a multiple of micro x accumulation x ranks. Rows of similar
    work meet in one micro step, the heaviest first.
    """
    steps = order.reshape(-1, accumulation * micro * ranks)
    heaviest_first = np.argsort(-work[steps], axis=1, kind="stable")
    rows = np.take_along_axis(steps, heaviest_first, axis=1).reshape(-1, accumulation, micro * ranks)
    made = np.empty((len(steps), accumulation, ranks, micro), dtype=order.dtype)
    every = np.arange(len(steps))
    before = np.zeros((len(steps), ranks))  # in the micro steps so far, for where it is all the same
    for i in range(accumulation):
        held = np.zeros((len(steps), ranks))
        places = np.zeros((len(steps), ranks), dtype=np.int64)
        for j in range(micro * ranks):
            # To the device that has least, of those that have a place left.
            load = np.where(places < micro, held, np.inf)
            least = load == load.min(axis=1, keepdims=True)
            device = np.where(least, before, np.inf).argmin(axis=1)
            made[every, i, device, places[every, device]] = rows[:, i, j]
            held[every, device] += work[rows[:, i, j]]
            places[every, device] += 1
        before += held
    return made.reshape(-1)


def balanced_for(method: Method, work: Floats, batch: Batch, order: Ints, *, padded: bool) -> Ints:
    """As `balanced`, as far as the method's loss allows. padded: whether rows are, to the longest of their batch."""
    micro, accumulation, ranks = batch.micro, batch.accumulation, batch.data_parallel
    if method == "kto":
        # Its reference point is a mean over the rows of one micro step on all devices.
        return order
    free = method in ("cpt", "sft")
    if free and not padded:
        return balanced(work, micro, accumulation, ranks, order)
    if free:
        # A batch takes as long as its longest row says: neighbours in length go into one.
        order = balanced(work, 1, accumulation * micro * ranks, 1, order)
    # Terms of preference losses may be means over the tokens of one micro batch: these stay together.
    batches = order.reshape(-1, micro)
    numbers = np.arange(len(batches), dtype=np.int64)
    moved = balanced(_of_batches(work, batches, padded), 1, accumulation, ranks, numbers)
    return batches[moved].reshape(-1)


def loads(work: Floats, micro: int, ranks: int, order: Ints, *, padded: bool) -> tuple[float, float]:
    """Work of the busiest device, and the mean of all devices, both summed over the micro steps.

    Their ratio is 1 in perfect balance. The first is what a run waits for if the devices meet in every micro step.
    """
    each = _of_batches(work, order.reshape(-1, micro), padded).reshape(-1, ranks)
    return float(each.max(axis=1).sum()), float(each.mean(axis=1).sum())


def _of_batches(work: Floats, batches: Ints, padded: bool) -> Floats:
    each: Floats = work[batches]
    return np.asarray(each.max(axis=1) * each.shape[1] if padded else each.sum(axis=1))


def work_of(lengths: Ints, bounds: Ints, hidden: int) -> Floats:
    """Of rows that hold sequences: row `i` those of `lengths[bounds[i]:bounds[i + 1]]`, at least one.

    A transformer block has about 12 hidden^2 weights, so a token costs 24 hidden^2 operations, and causal attention
    over n tokens 2 hidden n^2 (scores and sums, of half the pairs). In units of 2 hidden: n^2 + 12 hidden n.
    """
    sizes = lengths.astype(np.float64)
    return np.add.reduceat(sizes * (sizes + 12 * hidden), bounds[:-1]) if len(bounds) > 1 else np.zeros(0)
