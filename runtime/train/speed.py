"""What makes a run fast, chosen by what is legal for its model and pays for its length. No choice changes the mathematics.

Measured on H100s, see bench/README.md: compiled decoder layers beat Liger's kernels by a few percent and need a minute
before the first step; a small model's passes take less time than it takes to launch them, unless they are recorded as one
CUDA graph.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Literal

from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.train import Full, TrainJob, Zero
from smolc.runtime.train.hold import holds_masters

RATE = 3.5e14
"""Operations a second that a GPU is reckoned to do."""
COMPILES_FROM = 900.0
"""Seconds of training on one device from which compiling pays."""
LAUNCH_BOUND = 0.06
"""Seconds of a micro batch below which the processor is the slower one."""
PACKAGES = {"liger": "liger_kernel", "compiled": "triton"}


@dataclass(frozen=True)
class Speed:
    """kernels: `compiled`, `liger` or `plain`. graph: a micro batch is one CUDA graph. fixed: flat batches are filled up to
    one shape, since programs and recordings are made for one."""

    kernels: Literal["compiled", "liger", "plain"]
    graph: bool = False
    fixed: bool = False


def choose(job: TrainJob, *, on_cuda: bool, flat: bool, packed: bool, parameters: int, tokens: int) -> Speed:
    """parameters: of the model. tokens: of the whole run, on all devices. flat: batches are laid end to end.

    Raises JobError if what is demanded cannot be had.
    """
    fixed = on_cuda and flat and packed
    devices = job.processes
    kernels = _kernels(job, on_cuda, fixed, seconds_of(parameters, tokens / devices))
    micro = seconds_of(parameters, job.batch.micro * job.length)
    # Nothing may be drawn at random in a recording, nor decided.
    drawn = getattr(job.loss, "neftune", None) or (
        not isinstance(job.adapter, Full) and job.adapter.dropout > 0
    )
    recordable = fixed and holds_masters(job) and not drawn and not job.checkpointing
    return Speed(kernels, recordable and job.kernels != "none" and micro < LAUNCH_BOUND, fixed)


def seconds_of(parameters: int, tokens: float) -> float:
    """A forward and a backward pass take six operations for each parameter and token (Kaplan et al. 2020)."""
    return 6.0 * parameters * tokens / RATE


def _kernels(
    job: TrainJob, on_cuda: bool, fixed: bool, seconds: float
) -> Literal["compiled", "liger", "plain"]:
    if job.kernels == "none":
        return "plain"
    missing = {name: _missing(name, job, on_cuda) for name in PACKAGES}
    if job.kernels != "auto":
        if (why := missing[job.kernels]) is not None:
            raise JobError(f"kernels = {job.kernels}: {why}", help="write kernels = auto")
        return job.kernels
    if missing["compiled"] is None and fixed and seconds >= COMPILES_FROM:
        return "compiled"
    return "liger" if missing["liger"] is None else "plain"


def is_zero3(job: TrainJob) -> bool:
    return isinstance(job.parallel, Zero) and job.parallel.stage == 3


def gathers_whole(job: TrainJob) -> bool:
    """Whether ZeRO-3 takes a layer as one. Frozen weights that are computed with again in the backward pass are gone by
    then (DeepSpeed 0.19)."""
    return is_zero3(job) and isinstance(job.adapter, Full)


def _missing(name: str, job: TrainJob, on_cuda: bool) -> str | None:
    """Why these kernels cannot be had here; None if they can."""
    if not on_cuda:
        return "there is no GPU"
    if find_spec(PACKAGES[name]) is None:
        return f"the package {PACKAGES[name]} is not installed"
    if name == "compiled" and is_zero3(job) and not gathers_whole(job):
        return "ZeRO-3 gathers weights inside of layers that are frozen"
    if name == "compiled" and job.sharers > 1:
        return "devices that share rows exchange them inside of the layers"
    return None
