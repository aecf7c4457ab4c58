"""The model: what of it is trained, its attention, its kernels, and whether activations are computed again."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from smolc.runtime.jobs.train import Full, Lora
from smolc.runtime.train.faithful.seen import Seen
from smolc.runtime.train.faithful.table import Row, compared, one_of, short


def rows(seen: Seen) -> Iterator[Row]:
    job, model = seen.job, seen.model
    config = model.config.get_text_config()
    yield compared("attention", seen.asked.attention, config._attn_implementation)
    yield compared("key-value cache", "off", "on" if config.use_cache else "off")
    yield checkpointing(float(job.checkpointing), model)
    kernels = "compiled" if is_compiled(model) else "liger" if has_liger(model) else "none"
    allowed = ("none", "liger", "compiled") if job.kernels == "auto" else (job.kernels,)
    yield one_of("kernels", allowed, kernels)
    if isinstance(job.adapter, Full):
        sizes = [p.requires_grad for p in model.parameters()]
        yield compared(
            "trained", "all weights", "all weights" if all(sizes) else f"{sum(sizes)} of {len(sizes)}"
        )
    else:
        yield from adapter(job.adapter, model)


def checkpointing(share: float, model: Any) -> Row:
    """Layers that transformers checkpoints say so; ours have another `forward`, other wrappers another class."""
    layers = [
        m for m in model.modules() if "GradientCheckpointingLayer" in {k.__name__ for k in type(m).__mro__}
    ]
    on = sum(
        getattr(module, "gradient_checkpointing", False) is True
        or getattr(getattr(module.__dict__.get("forward"), "func", None), "__name__", "") == "_recomputed"
        or type(module).__name__ == "CheckpointWrapper"
        for module in layers
    )
    return compared(
        "layers checkpointed", *(f"{n} of {len(layers)}" for n in (round(share * len(layers)), on))
    )


def is_compiled(model: Any) -> bool:
    """Our layers.py compiles `forward` alone, and may wrap it once more."""
    for module in model.modules():
        forward = module.__dict__.get("forward")
        for one in (forward, *getattr(forward, "args", ())):
            if hasattr(one, "_torchdynamo_orig_callable"):
                return True
    return False


def has_liger(model: Any) -> bool:
    for module in model.modules():
        forward = getattr(type(module).forward, "__module__", "") or ""
        own = getattr(module.__dict__.get("forward"), "__module__", "") or ""
        if type(module).__module__.startswith("liger_kernel") or "liger_kernel" in forward + own:
            return True
    return False


def adapter(wanted: Lora, model: Any) -> Iterator[Row]:
    """Read off the adapted layers themselves."""
    adapted = {name: m for name, m in model.named_modules() if hasattr(m, "lora_A") and len(m.lora_A) > 0}
    scale = wanted.alpha / (math.sqrt(wanted.rank) if wanted.scaling == "rsqrt" else wanted.rank)
    asked = described(wanted.rank, scale, wanted.dropout, wanted.dora)
    yield compared(
        "adapter", asked, "; ".join(sorted({layer_said(layer, wanted) for layer in adapted.values()})) or "-"
    )
    others = [name for name, p in model.named_parameters() if p.requires_grad and "lora_" not in name]
    yield compared("trained beside it", "nothing", others[0] if others else "nothing")
    if wanted.targets != "all_linear":
        ends = {name.rpartition(".")[2] for name in adapted}
        asked_targets = sorted({target.rpartition(".")[2] for target in wanted.targets})
        yield compared("adapted", ", ".join(asked_targets), ", ".join(sorted(ends)))


def layer_said(layer: Any, wanted: Lora) -> str:
    name = next(iter(layer.lora_A))
    dropout = float(getattr(layer.lora_dropout[name], "p", 0.0))
    rank = layer.r[name]
    # Of experts whose layers the model holds as one weight, PEFT gives each layer its rank.
    if type(layer).__name__ == "ParamWrapper" and rank % wanted.rank == 0:
        rank = wanted.rank
    return described(rank, layer.scaling[name], dropout, name in getattr(layer, "lora_magnitude_vector", {}))


def described(rank: int, scale: float, dropout: float, dora: bool) -> str:
    return f"rank {rank}, scale {short(scale)}, dropout {short(dropout)}" + (", dora" if dora else "")
