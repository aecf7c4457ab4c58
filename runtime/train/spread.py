"""How a job is spread over its devices, beyond what accelerate.yaml says: context and sequence parallel, hybrid sharding.

With context parallel (FSDP2) the devices of a group hold a row's keys and values in turn (ring attention), with sequence
parallel (DeepSpeed-Ulysses, ALST) each takes some of the heads. Either way a device computes a part of each row.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.train import Fsdp2, TrainJob, Zero
from smolc.runtime.train.attention import Route, choose, has_varlen, implementation
from smolc.runtime.train.ulysses import register


def context_of(job: TrainJob) -> int:
    return job.parallel.context if isinstance(job.parallel, Fsdp2) else 1


def sequence_of(job: TrainJob) -> int:
    return job.parallel.sequence if isinstance(job.parallel, Zero) else 1


def parts_of(job: TrainJob) -> int:
    """What a row's length has to be a multiple of: ring attention gives each device an early and a late part."""
    return max(2 * context_of(job) if context_of(job) > 1 else 1, sequence_of(job))


def route_of(job: TrainJob, config: Any, *, on_cuda: bool, packed: bool) -> Route:
    """As `attention.choose`, within what devices that share rows leave. Raises JobError."""
    if context_of(job) > 1:
        asked = job if job.attention != "auto" else job.model_copy(update={"attention": "sdpa"})
        route = choose(asked, config, on_cuda=on_cuda, packed=packed)
        return replace(route, why="context parallel passes keys and values on inside it", flat=False)
    route = choose(job, config, on_cuda=on_cuda, packed=packed)
    if sequence_of(job) == 1:
        return route
    if route.kind == "eager":
        raise JobError(
            "sequence: the model's attention is computed by `eager`, which needs a mask that no device has",
            help="write attention = auto in the model, or leave sequence out",
        )
    if packed and route.kind not in ("sdpa", "varlen"):
        # transformers tells the others where documents end only if a batch is one row.
        kind = "varlen" if has_varlen() else "sdpa"
        return Route(kind, "packed rows, shared among devices", flat=False)
    return replace(route, flat=False)


def name_of(job: TrainJob, kind: str, *, packed: bool) -> str:
    """What transformers calls the attention."""
    if sequence_of(job) > 1 and (packed or kind == "varlen"):
        return register(varlen=kind == "varlen")
    return implementation(kind)


def parallelism(job: TrainJob, attention: str) -> dict[str, Any]:
    """The trainer's `parallelism_config`, where it needs one. attention: transformers' name."""
    kind, groups = job.parallel, job.batch.data_parallel
    from accelerate import ParallelismConfig
    from accelerate.utils import DeepSpeedSequenceParallelConfig

    if isinstance(kind, Fsdp2) and (kind.context > 1 or kind.replicate > 1):
        shards = groups // kind.replicate
        made = ParallelismConfig(
            dp_replicate_size=kind.replicate, dp_shard_size=shards, cp_size=kind.context, cp_backend="torch"
        )
        return {"parallelism_config": made}
    if isinstance(kind, Zero) and kind.sequence > 1:
        handler = DeepSpeedSequenceParallelConfig(
            sp_seq_length_is_variable=True, sp_attn_implementation="sdpa"
        )
        handler.sp_attn_implementation = attention  # ours are registered as well, but not on its list
        made = ParallelismConfig(
            dp_shard_size=groups, sp_size=kind.sequence, sp_backend="deepspeed", sp_handler=handler
        )
        return {"parallelism_config": made}
    return {}


def check_model(job: TrainJob, config: Any, kind: str) -> None:
    """Raises JobError where the model cannot be trained with shared rows. config: its text config. kind: of attention."""
    if job.sharers == 1:
        return
    name = "context" if context_of(job) > 1 else "sequence"
    other = f"train without {name}: write parallel = fsdp2 or zero(stage = 3), with checkpointing = true"
    _check_layers(job, config, name, kind, other)
    if name == "context":
        return
    size, heads = sequence_of(job), config.num_attention_heads
    keys = getattr(config, "num_key_value_heads", None) or heads
    if heads % size or (keys % size and size % keys):
        fitting = [n for n in range(2, heads + 1) if heads % n == 0 and (keys % n == 0 or n % keys == 0)]
        raise JobError(
            f"sequence = {size}: the model's {heads} attention heads ({keys} of keys and values) cannot be divided "
            f"among {size} devices",
            help=f"write sequence = {' or '.join(map(str, fitting))}" if fitting else other,
        )
    if getattr(config, "router_aux_loss_coef", 0):
        raise JobError(
            "sequence: the model balances its experts by a loss over whole rows, and a device sees parts of them",
            help=other,
        )


def _check_layers(job: TrainJob, config: Any, name: str, kind: str, other: str) -> None:
    """Both drop the attention mask, so a layer is either causal over the whole row, or its kernel knows its window."""
    types = set(getattr(config, "layer_types", None) or ())
    window = getattr(config, "sliding_window", None)
    windowed = "sliding_attention" in types or (not types and window is not None)
    knows = name == "sequence" and (kind != "sdpa" or (window or 0) >= job.length)
    odd = types - {"full_attention", "sliding_attention"}
    if windowed and not knows:
        odd.add("sliding_attention")
    if odd:
        raise JobError(
            f"{name}: the model has layers with {' and '.join(sorted(odd))}, and sharing rows among devices "
            "leaves only full causal attention",
            help=other,
        )
