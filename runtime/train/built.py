"""Whether what was built is what the recipe asked for. A launcher may quietly give something else."""

from __future__ import annotations

from typing import Any

from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.train import Fsdp2, TrainJob, Zero

Row = tuple[str, str, str]


def check_batch(job: TrainJob, world_size: int) -> None:
    """Raises JobError unless the processes and the batch are the ones that were planned."""
    batch = job.batch
    if world_size != batch.data_parallel:
        raise JobError(
            f"this run has {world_size} processes, but the job was planned for {batch.data_parallel}",
            help="start it with its launch.sh, or build for the cluster you have: smolc build --on CLUSTER",
        )
    product = batch.micro * batch.accumulation * batch.data_parallel
    if product != batch.global_sequences:
        raise JobError(
            f"{batch.micro} sequences x {batch.accumulation} accumulation steps x {batch.data_parallel} "
            f"devices = {product} sequences per step, but the recipe says {batch.global_sequences}",
            help="choose a batch that the number of devices divides",
        )


def wanted(job: TrainJob) -> list[tuple[str, str]]:
    """What the job asks for, in the words that `built` uses."""
    kind = job.parallel
    if isinstance(kind, Zero):
        name = "deepspeed"
    elif isinstance(kind, Fsdp2):
        name = "fsdp"
    else:
        name = "ddp" if job.batch.data_parallel > 1 else "one process"
    rows = [("processes", str(job.batch.data_parallel)), ("distribution", name)]
    # bf16_pure has nothing to cast; ZeRO is told bf16 by its own file.
    rows.append(("mixed precision", {"bf16": "bf16", "fp16": "fp16"}.get(job.precision, "no")))
    if isinstance(kind, Zero):
        rows += [("ZeRO stage", str(kind.stage)), ("offload", kind.offload)]
    if isinstance(kind, Fsdp2):
        rows += [("FSDP version", "2"), ("reshard after forward", str(kind.reshard).lower())]
    return rows


def built(accelerator: Any) -> dict[str, str]:
    """The same, as accelerate reports it after the trainer was made."""
    names = {
        "NO": "one process",
        "MULTI_GPU": "ddp",
        "MULTI_CPU": "ddp",
        "DEEPSPEED": "deepspeed",
        "FSDP": "fsdp",
    }
    kind = str(getattr(accelerator.distributed_type, "value", accelerator.distributed_type))
    state = {
        "processes": str(accelerator.num_processes),
        "distribution": names.get(kind, kind),
        "mixed precision": str(accelerator.mixed_precision),
    }
    if kind == "DEEPSPEED":
        zero = accelerator.state.deepspeed_plugin.deepspeed_config.get("zero_optimization", {})
        state["ZeRO stage"] = str(zero.get("stage", 0))
        moved = [
            zero.get(f"offload_{part}", {}).get("device", "none") not in ("none", None)
            for part in ("optimizer", "param")
        ]
        state["offload"] = {(False, False): "none", (True, False): "optimizer"}.get(
            (moved[0], moved[1]), "all"
        )
    if kind == "FSDP":
        plugin = accelerator.state.fsdp_plugin
        state["FSDP version"] = str(plugin.fsdp_version)
        state["reshard after forward"] = str(plugin.reshard_after_forward).lower()
    return state


def check_built(job: TrainJob, accelerator: Any) -> None:
    """Raises JobError with a table of what differs."""
    have = built(accelerator)
    rows: list[Row] = [(what, want, have.get(what, "-")) for what, want in wanted(job)]
    different = [row for row in rows if row[1] != row[2]]
    if not different:
        return
    table = [("", "the job asks for", "was built"), *different]
    widths = [max(len(row[i]) for row in table) for i in range(3)]
    lines = [
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]
    raise JobError(
        "what was built is not what the job asks for\n" + "\n".join(lines),
        help="start the job with its launch.sh; accelerate falls back quietly where a machine cannot do it",
    )
