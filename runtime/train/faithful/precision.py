"""In which numbers weights are held, masters are updated, and the model computes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from smolc.runtime.jobs.train import Full
from smolc.runtime.train.faithful.seen import DTYPES, Seen, dtypes
from smolc.runtime.train.faithful.table import Row, compared, one_of

COMPUTED = {"bf16": "bf16", "bf16_pure": "bf16", "fp16": "fp16", "fp32": "fp32"}
# ZeRO's names for the fp32 copies of this process's part: stage 3, stages 1 and 2, BF16_Optimizer.
MASTERS = (
    "fp32_partitioned_groups_flat",
    "single_partition_of_fp32_groups",
    "fp32_groups_flat_partition",
)


def rows(seen: Seen) -> Iterator[Row]:
    """`bf16` may hold its weights in either: what is updated, the masters, has to be fp32."""
    job = seen.job
    computed = COMPUTED[job.precision]
    master = "bf16" if job.precision == "bf16_pure" else "fp32"
    held = list(dict.fromkeys((master, computed)))
    weights = list(seen.trainer.model_wrapped.parameters())
    trained = dtypes(p for p in weights if p.requires_grad)
    yield one_of("trained weights held in", held, trained)
    if not isinstance(job.adapter, Full):
        frozen = dtypes(p for p in weights if not p.requires_grad)
        if job.adapter.type == "qlora":
            # Norms and embeddings are not quantised.
            yield Row("frozen weights held in", "4 bit", frozen, "4 bit" in frozen)
        else:
            yield one_of("frozen weights held in", held, frozen)
    yield compared("updated in (masters)", master, masters(seen))
    states = dtypes(states_of(seen))
    if states != "-" and job.optimizer.type != "adamw_8bit":
        yield compared("optimiser state in", master, states)
    yield compared("computed in", computed, compute(seen, trained))
    yield compared("gradients summed in", master, summed(seen, trained))


def masters(seen: Seen) -> str:
    """The dtype of the tensors that the optimiser changes."""
    if seen.engine is not None:
        for name in MASTERS:
            found = getattr(seen.engine.optimizer, name, None)
            if found:
                return dtypes(found)
    return dtypes(p for group in seen.optimizer.param_groups for p in group["params"])


def states_of(seen: Seen) -> Iterator[Any]:
    """Moments, without step counts: there are none before the first step of a run, but after a restart."""
    for state in list(seen.optimizer.state.values()):
        for value in state.values() if isinstance(state, dict) else ():
            if torch.is_tensor(value) and value.is_floating_point() and value.dim() > 0:
                yield value


def compute(seen: Seen, held: str) -> str:
    """Autocast if it wraps the forward pass, else what FSDP casts to, else the weights' own dtype."""
    accelerator = seen.trainer.accelerator
    if seen.engine is not None:
        engine = seen.engine
        return "bf16" if engine.bfloat16_enabled() else "fp16" if engine.fp16_enabled() else held
    policy = fsdp_policy(seen.trainer.model_wrapped)
    if policy is not None and policy.param_dtype is not None:
        return DTYPES.get(policy.param_dtype, str(policy.param_dtype))
    if accelerator.native_amp and hasattr(seen.model, "_original_forward"):
        return str(accelerator.mixed_precision)
    return held


def summed(seen: Seen, held: str) -> str:
    """Over micro batches and over devices. DeepSpeed takes bf16 for both unless it is told otherwise."""
    if seen.engine is not None:
        both = seen.engine.get_data_types()[1], seen.engine.communication_data_type
        return " and ".join(dict.fromkeys(DTYPES.get(dtype, str(dtype)) for dtype in both))
    if (own := getattr(seen.trainer, "masters", None)) is not None:
        return dtypes(bucket.flat for bucket in own.buckets)
    policy = fsdp_policy(seen.trainer.model_wrapped)
    if policy is not None and policy.reduce_dtype is not None:
        return DTYPES.get(policy.reduce_dtype, str(policy.reduce_dtype))
    return held


def fsdp_policy(model: Any) -> Any | None:
    """The mixed precision policy of the outermost FSDP2 module; None without one."""
    state = getattr(model, "_get_fsdp_state", None)
    return getattr(state(), "_mp_policy", None) if state is not None else None
