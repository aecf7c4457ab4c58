"""Over how many processes, and how: DDP, FSDP2, ZeRO."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch.distributed.fsdp import FSDPModule
from torch.distributed.tensor import DTensor

from smolc.runtime.jobs.train import Fsdp2, TrainJob, Zero
from smolc.runtime.train.faithful.seen import Seen
from smolc.runtime.train.faithful.table import Row, compared


def launched(job: TrainJob, accelerator: Any) -> Iterator[Row]:
    """What accelerate is about to build: compared before it does, since another way may not even begin here."""
    name = str(accelerator.distributed_type.value)
    if name == "DEEPSPEED":
        name = f"ZeRO-{accelerator.state.deepspeed_plugin.zero_stage}"
    elif name == "FSDP":
        name = f"FSDP{accelerator.state.fsdp_plugin.fsdp_version}"
    else:
        name = {"NO": "one process", "MULTI_GPU": "DDP", "MULTI_CPU": "DDP"}.get(name, name)
    yield compared("processes", job.processes, accelerator.num_processes)
    yield compared("distribution", asked_for(job), name)


def asked_for(job: TrainJob) -> str:
    kind = job.parallel
    if isinstance(kind, Zero):
        return f"ZeRO-{kind.stage}"
    if isinstance(kind, Fsdp2):
        return "FSDP2"
    return "DDP" if job.processes > 1 else "one process"


def rows(seen: Seen) -> Iterator[Row]:
    job, trainer = seen.job, seen.trainer
    kind = job.parallel
    yield compared("processes", job.processes, trainer.accelerator.num_processes)
    if job.device != "auto":
        yield compared("device", job.device, trainer.accelerator.device.type)
    yield compared("distribution", asked_for(job), distribution(seen))
    if isinstance(kind, Zero):
        yield compared("offload", kind.offload, offload(seen.engine))
    if isinstance(kind, Fsdp2):
        yield compared("sharded over", job.processes // kind.replicate, shards(seen))
        plugin = getattr(trainer.accelerator.state, "fsdp_plugin", None)
        resharded = str(getattr(plugin, "reshard_after_forward", "-")).lower()
        yield compared("reshard after forward", str(kind.reshard).lower(), resharded)
        offloaded = type(getattr(plugin, "cpu_offload", None)).__name__ == "CPUOffloadPolicy"
        yield compared("offload", kind.offload, "all" if offloaded else "none")


def distribution(seen: Seen) -> str:
    """Read off the model itself."""
    wrapped = seen.trainer.model_wrapped
    masters = getattr(seen.trainer, "masters", None)
    if seen.engine is not None:
        return f"ZeRO-{seen.engine.zero_optimization_stage()}"
    if isinstance(wrapped, torch.nn.parallel.DistributedDataParallel) or (
        masters is not None and masters.spread
    ):
        return "DDP"
    if any(isinstance(p, DTensor) for p in wrapped.parameters()):
        return "FSDP2"
    if type(wrapped).__name__ == "FullyShardedDataParallel":
        return "FSDP1"
    return "one process" if seen.trainer.accelerator.num_processes == 1 else "nothing: each for itself"


def shards(seen: Seen) -> str:
    """Among how many processes the trained weights are divided."""
    wrapped = seen.trainer.model_wrapped
    for module in wrapped.modules():
        if isinstance(module, FSDPModule):
            module.reshard()  # a pass that was made to look at attention leaves some gathered
    trained = (p for p in wrapped.parameters() if p.requires_grad)
    # The last dimension of the mesh; the one before it, if any, holds copies.
    sizes = {p.device_mesh.size(p.device_mesh.ndim - 1) if isinstance(p, DTensor) else 1 for p in trained}
    return ", ".join(map(str, sorted(sizes)))


def offload(engine: Any) -> str:
    if engine is None:
        return "-"
    optimizer, weights = (
        part is not None and str(getattr(part.device, "value", part.device)) != "none"
        for part in (engine.zero_offload_optimizer(), engine.zero_offload_param())
    )
    return "all" if weights else "optimizer" if optimizer else "none"
