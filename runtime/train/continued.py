"""What an interrupted run may go on with otherwise: how a step is computed, as far as that leaves alone what is.

The rows of an optimiser step do not depend on how it is divided (steps.py), and its loss is a mean over the whole step.
"""

from __future__ import annotations

from typing import Any

from smolc.runtime.jobs.train import DpoLoss, KtoLoss, TrainJob

DIVISION = frozenset({"batch.micro", "batch.accumulation"})

HOW = DIVISION | {"attention", "checkpointing", "kernels", "probe.checkpointing", "probe.micro"}
"""Keys of a job. A route of attention that would compute something else than the model does is refused
(attention/route.py), and `auto` may be another one on the next GPU anyway; so with kernels."""

FOLLOWS = {"batch.micro": ("batch.accumulation", "probe.micro"), "checkpointing": ("probe.checkpointing",)}
"""What need not be told beside a key."""

WITHIN = frozenset({"aot", "aot_unpaired"})
"""TRL's preference losses that sort the pairs of a micro batch."""


def bound(job: TrainJob, config: Any = None) -> str | None:
    """Why the division of the batch is part of what this job computes; None where it is not. config: of the model."""
    if isinstance(job.loss, KtoLoss) and job.loss.loss == "kto":
        return "kto compares with a mean over the rows of a micro batch"
    if isinstance(job.loss, DpoLoss) and (found := sorted(WITHIN.intersection(job.loss.loss))):
        return f"{' and '.join(found)} sort the pairs of a micro batch"
    if getattr(config, "output_router_logits", False):
        return "the balance of the model's experts is a loss over a micro batch"
    return None


def free(why_bound: str | None) -> frozenset[str]:
    """Keys that may differ. why_bound: as `bound` says."""
    return HOW - DIVISION if why_bound is not None else HOW
