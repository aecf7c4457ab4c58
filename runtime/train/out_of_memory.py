"""What to say when a GPU's memory is full: what was asked for, what there was, and which changes would fit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.train import Full, TrainJob
from smolc.runtime.train import footprint
from smolc.runtime.train.continued import bound
from smolc.runtime.train.footprint import Plan, Shape
from smolc.runtime.train.raised import through
from smolc.runtime.train.resume import whole_ones

GIB = float(2**30)
UNITS = {"bytes": 1.0, "KiB": 2.0**10, "MiB": 2.0**20, "GiB": GIB, "TiB": 2.0**40}

CONTEXT = 0.6 * GIB
"""What CUDA itself holds on a device."""

ROOM = 0.94
"""Of what there is, how much a change may take: estimates err, and memory is cut into pieces."""

OTHERS = 0.5 * GIB
"""Bytes in use by others that are worth a word."""

PIECES = 0.1
"""Share of all memory that is reserved but not in use, from which its being in pieces is worth a word."""

RAISED = (
    "CUDA out of memory",
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
)


@dataclass(frozen=True)
class Seen:
    """What CUDA's message says, in bytes; None for what it does not."""

    asked: float | None
    total: float | None
    free: float | None
    ours: float | None
    pieces: float | None

    @property
    def others(self) -> float:
        if self.total is None or self.free is None or self.ours is None:
            return 0.0
        return max(0.0, self.total - self.free - self.ours)


def is_out_of_memory(error: BaseException) -> bool:
    """Also where a library that PyTorch calls says it in its own way."""
    import torch

    if isinstance(error, torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(said in str(error) for said in RAISED)


def out_of_memory(context: Context, job: TrainJob, error: BaseException) -> JobError:
    """A JobError for `error`, with changes in the recipe's words; the global batch is never changed."""
    seen = read(str(error))
    plan = footprint.plan_of(job)
    where = moment(error)
    lines = [
        f"a GPU's memory is full {where}: {_asked(seen)}",
        f"  the job: {plan.micro} sequence{'s' if plan.micro > 1 else ''} of up to {plan.length} tokens at once, "
        f"{_trained(job)}, {job.precision}, {_spread(job)}",
    ]
    if seen.total is not None:
        lines.append(
            f"  the GPU: {gib(seen.total)}, of which this process has {gib(seen.ours)} and others {gib(seen.others)}"
        )
    shape = footprint.shape_at(context, job)
    hints = list(_about_memory(seen))
    if shape is not None and seen.total is not None:
        hints += _fitting(job, plan, shape, seen, loaded=where != LOADING)
    else:
        hints += [_smaller(job, 1)] if plan.micro > 1 else []
        hints.append(
            "checkpointing = true, an adapter (lora), more GPUs with parallel = fsdp2, or a shorter packing length"
        )
    said = ["what would fit:", *(f"  {hint}" for hint in hints)]
    if whole := whole_ones(context.out / "checkpoints"):
        changes = "micro_batch or checkpointing" if bound(job) is None else "checkpointing"
        said.append(f"with another {changes}, the run goes on from {whole[0].name}")
    return JobError("\n".join(lines), help="\n".join(said))


LOADING = "while the model was loaded"
MOMENTS = (
    ("evaluation_loop", "in an evaluation"),
    ("_save_checkpoint", "while a checkpoint was saved"),
    ("save_trained", "while the model was saved"),
    ("backward", "in the backward pass"),
    ("training_step", "in the forward pass"),
    ("load_model", LOADING),
)


def moment(error: BaseException) -> str:
    """When it was, by the functions that the error came through."""
    names = through(error)
    if (
        "_inner_training_loop" in names
        and not {"training_step", "evaluation_loop", "_save_checkpoint"} & names
    ):
        return "in the optimiser's step" if "step" in names else "while training was set up"
    return next((said for name, said in MOMENTS if name in names), "while the trainer was made")


def read(message: str) -> Seen:
    """The numbers in the message of PyTorch's allocator."""

    def size(pattern: str) -> float | None:
        found = re.search(pattern.replace("SIZE", r"([\d.]+) (bytes|KiB|MiB|GiB|TiB)"), message)
        return float(found[1]) * UNITS[found[2]] if found else None

    return Seen(
        asked=size("Tried to allocate SIZE"),
        total=size("total capacity of SIZE"),
        free=size("of which SIZE is free"),
        ours=size("this process has SIZE memory in use"),
        pieces=size("SIZE is reserved by PyTorch but unallocated"),
    )


def _fitting(job: TrainJob, plan: Plan, shape: Shape, seen: Seen, *, loaded: bool) -> list[str]:
    assert seen.total is not None
    room = (seen.total - seen.others - CONTEXT) * ROOM
    held, kept = footprint.weights(job, shape, plan), footprint.activations(job, shape, plan)
    # What did not fit took more than there was, whatever the estimate says.
    scale = max(1.0, (room / ROOM - held) / kept) if loaded and kept > 0 else 1.0

    def needs(other: Plan) -> float:
        return footprint.weights(job, shape, other) + scale * footprint.activations(job, shape, other)

    found = []
    for kind in _changes(job, plan):
        fits = next(((said, other) for said, other in kind if needs(other) <= room), None)
        if fits is not None:
            found.append(f"{fits[0]} (about {gib(needs(fits[1]))})")
    if not found:
        found = [
            f"nothing small: what does not depend on the batch takes about {gib(held)} a device, and {gib(room)} is there",
            "a smaller model, or more GPUs with parallel = zero(stage = 3, offload = all)",
        ]
    return found


Change = tuple[str, Plan]


def _changes(job: TrainJob, plan: Plan) -> Iterator[list[Change]]:
    """Kinds of changes, those that leave the mathematics alone first; of each kind, the least first."""
    smaller = [m for m in range(plan.micro - 1, 0, -1) if plan.micro * job.batch.accumulation % m == 0]
    yield [(_smaller(job, micro), plan.changed(micro=micro)) for micro in smaller]
    if plan.checkpointing < 1:
        again = plan.changed(checkpointing=1.0)
        yield [
            ("checkpointing = true: the same losses, about a third slower", again),
            *((f"checkpointing = true and {_smaller(job, m)}", again.changed(micro=m)) for m in smaller),
        ]
    same = f"over the same {plan.devices} devices"
    if plan.devices > 1 and plan.kind == "ddp":
        yield [(f"parallel = fsdp2, {same}", plan.changed(kind="fsdp2"))]
    elif plan.devices > 1 and plan.kind == "zero" and plan.stage < 3:
        yield [(f"parallel = zero(stage = 3), {same}", plan.changed(stage=3))]
    spread = plan.changed(kind="fsdp2", stage=0, offload="none")
    more = [n for n in (2, 4, 8, 16, 32) if n > plan.devices]
    yield [(f"{n} GPUs with parallel = fsdp2", spread.changed(devices=n)) for n in more]
    if plan.rank is None:
        yield [("adapter = lora(rank = 16): far fewer weights, another training", plan.changed(rank=16))]
    lengths = [plan.length * part // 256 * 64 for part in (3, 2, 1)]
    yield [
        (f"a packing length of {n}: `overlong` says what becomes of longer rows", plan.changed(length=n))
        for n in lengths
        if 64 <= n < plan.length
    ]


def _smaller(job: TrainJob, micro: int) -> str:
    steps = job.batch.accumulation * job.batch.micro // micro
    return f"micro_batch = {micro}: {steps} accumulation steps instead of {job.batch.accumulation}, the same batch"


def _about_memory(seen: Seen) -> Iterator[str]:
    if seen.others > OTHERS:
        yield f"end what else runs on this GPU: it has {gib(seen.others)}"
    if seen.pieces is not None and seen.total is not None and seen.pieces > PIECES * seen.total:
        setting = "PYTORCH_ALLOC_CONF=expandable_segments:True"
        yield f"{setting} in the environment: {gib(seen.pieces)} are reserved, in pieces too small"


def _asked(seen: Seen) -> str:
    if seen.asked is None:
        return "PyTorch does not say how much it asked for"
    free = "" if seen.free is None else f", and {gib(seen.free)} was free"
    return f"{gib(seen.asked)} more was asked for{free}"


def _trained(job: TrainJob) -> str:
    return (
        "all weights"
        if isinstance(job.adapter, Full)
        else f"a {job.adapter.type} adapter of rank {job.adapter.rank}"
    )


def _spread(job: TrainJob) -> str:
    again = {0.0: "nothing recomputed", 1.0: "checkpointing"}.get(
        float(job.checkpointing), f"{job.checkpointing:.0%} recomputed"
    )
    return f"{job.parallel.type} over {job.processes} device{'s' if job.processes > 1 else ''}, {again}"


def gib(size: float | None) -> str:
    if size is None:
        return "an unknown amount"
    return f"{size / GIB:.1f} GiB" if size >= 0.1 * GIB else f"{size / 2**20:.0f} MiB"
