"""How long a run is, and which row comes when. Pure arithmetic, no torch."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.train import Duration, Every, Schedule


@dataclass(frozen=True)
class Length:
    """steps: optimiser steps. rows: rows of the data set. sequences: rows per step."""

    steps: int
    rows: int
    sequences: int

    @property
    def epochs(self) -> float:
        return self.steps * self.sequences / self.rows


def length_of(duration: Duration, rows: int, tokens: int, sequences: int) -> Length:
    """Steps needed for `duration` on a data set of `rows` rows that hold `tokens` non-padding tokens.

    Rounded up: nothing is left out, and the last step is filled with rows of another pass, so every step has
    exactly `sequences` rows whatever the number of devices.
    """
    if rows == 0:
        raise JobError(
            "there are no rows to train on", help="see stats.json of the data job: what was dropped and why"
        )
    if duration.steps is not None:
        steps = duration.steps
    elif duration.epochs is not None:
        # Six digits, so that 0.1 epochs of 1000 rows are not 101 rows.
        steps = math.ceil(round(duration.epochs * rows / sequences, 6))
    elif duration.tokens is not None:
        steps = math.ceil(duration.tokens / (tokens / rows * sequences))
    else:
        raise JobError("the duration says neither steps nor epochs nor tokens")
    return Length(max(1, steps), rows, sequences)


def row_order(length: Length, seed: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Row numbers in training order, `steps * sequences` of them: one seeded permutation after another.

    It depends on the seed and the batch only: the same rows are in the same step on one device and on eight. Which
    device gets which of them is up to `balance.py`.
    """
    generator = np.random.default_rng(seed)
    passes = math.ceil(length.epochs)
    order = np.concatenate([generator.permutation(length.rows) for _ in range(passes)])
    return order[: length.steps * length.sequences].astype(np.int64)


def every_steps(every: Every, steps: int) -> int:
    """`every` in steps, at least 1."""
    if every.steps is not None:
        return max(1, every.steps)
    return max(1, round((every.fraction or 1.0) * steps))


def part_of(value: float, steps: int) -> int:
    """A number of steps, or below 1 a fraction of all of them."""
    return round(value * steps) if value < 1 else round(value)


def scheduler_settings(schedule: Schedule, lr: float, steps: int) -> dict[str, Any]:
    """`lr_scheduler_type`, `lr_scheduler_kwargs` and `warmup_steps` of transformers.

    The library has no linear decay to a floor; its polynomial decay of power 1 is one. WSD decays linearly.
    """
    warmup = part_of(schedule.warmup, steps)
    name: str
    extra: dict[str, Any] = {}
    if schedule.type == "cosine":
        name = "cosine"
        if schedule.floor > 0:
            name, extra = "cosine_with_min_lr", {"min_lr_rate": schedule.floor}
    elif schedule.type == "linear":
        name = "linear"
        if schedule.floor > 0:
            name, extra = "polynomial", {"lr_end": schedule.floor * lr, "power": 1.0}
    elif schedule.type == "wsd":
        decay = part_of(0.1 if schedule.decay is None else schedule.decay, steps)
        if warmup + decay > steps:
            raise JobError(
                f"warm-up ({warmup} steps) and decay ({decay} steps) are longer than the run ({steps} steps)"
            )
        name = "warmup_stable_decay"
        extra = {"num_decay_steps": decay, "decay_type": "linear", "min_lr_ratio": schedule.floor}
    else:
        name = "constant_with_warmup"
    return {"lr_scheduler_type": name, "lr_scheduler_kwargs": extra, "warmup_steps": warmup}
