"""Which attention kernel a run takes, and FlashAttention over packed rows as torch ships it.

`torch.nn.attention.varlen` is FlashAttention for sequences of different lengths, without the flash-attn
package.
Registered with transformers, it reads the sequence bounds that the collator adds to a batch.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from inspect import signature
from typing import Any

import torch

from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.train import TrainJob

VARLEN = "smolc_varlen"


def has_varlen() -> bool:
    return find_spec("torch.nn.attention.varlen") is not None


def choose(job: TrainJob, *, on_cuda: bool, packed: bool) -> str:
    """sdpa, eager, flash_attention_2 or varlen.

    varlen knows no padding, so it serves rows laid end to end (cpt and sft), in half precision, on a GPU.
    Raises JobError if the job demands what this machine or method cannot do.
    """
    flattens = job.method in ("cpt", "sft")
    half = job.precision != "fp32"
    has_flash = find_spec("flash_attn") is not None
    if job.attention == "auto":
        if on_cuda and half and packed and flattens and has_varlen():
            return "varlen"
        return "flash_attention_2" if on_cuda and half and has_flash else "sdpa"
    if job.attention in ("varlen", "flash_attention_2"):
        why = None
        if not on_cuda:
            why = "there is no GPU"
        elif not half:
            why = "it computes in half precision only, and the job asks for fp32"
        elif job.attention == "varlen" and not flattens:
            why = f"the batches of {job.method} are padded, and it takes no padding"
        elif job.attention == "varlen" and not has_varlen():
            why = f"torch {torch.__version__} does not have it (2.10 and later do)"
        elif job.attention == "flash_attention_2" and not has_flash:
            why = "the flash-attn package is not installed"
        if why is not None:
            raise JobError(f"attention = {job.attention}: {why}", help="write attention = auto")
    return job.attention


def is_flat(kind: str, method: str) -> bool:
    """Whether batches are laid end to end in one row, for kernels that take variable lengths."""
    return kind in ("varlen", "flash_attention_2") and method in ("cpt", "sft")


def implementation(kind: str) -> str:
    """What transformers calls it. Registers varlen on first use."""
    if kind != "varlen":
        return kind
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import flash_attention_mask

    AttentionInterface.register(VARLEN, varlen_forward)
    AttentionMaskInterface.register(VARLEN, flash_attention_mask)
    return VARLEN


def varlen_forward(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    sliding_window: int | None = None,
    cu_seq_lens_q: torch.Tensor | None = None,
    max_length_q: int | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """Causal attention within each sequence of a packed row.

    query: (rows, heads, length, dim); key and value: (rows, kv heads, length, dim).
    cu_seq_lens_q: int32 bounds of the sequences in the flattened row, (sequences + 1,); without it each row
    is one sequence.
    Returns (rows, length, heads, dim) in half precision. Raises ValueError for what the kernel cannot do.
    """
    from torch.nn.attention.varlen import varlen_attn

    rows, heads, length, width = query.shape
    if attention_mask is not None:
        raise ValueError("varlen attention takes no padding mask")
    if kwargs.get("softcap") is not None or kwargs.get("s_aux") is not None:
        raise ValueError("varlen attention has neither soft-capping nor attention sinks")
    if dropout:
        raise ValueError("varlen attention has no dropout")
    if cu_seq_lens_q is None or max_length_q is None:
        cu_seq_lens_q = torch.arange(0, rows * length + 1, length, dtype=torch.int32, device=query.device)
        max_length_q = length

    dtype = half_dtype(value)
    query, key, value = (
        x.transpose(1, 2).reshape(rows * length, x.shape[1], x.shape[3]).to(dtype)
        for x in (query, key, value)
    )
    extra = call_options(varlen_attn, heads, key.shape[1], width, scaling, sliding_window)
    if key.shape[1] != heads and "enable_gqa" not in extra:
        key = key.repeat_interleave(heads // key.shape[1], dim=1)
        value = value.repeat_interleave(heads // value.shape[1], dim=1)
    bounds = cu_seq_lens_q.to(device=query.device, dtype=torch.int32)
    longest = int(max_length_q)
    out = varlen_attn(query, key, value, bounds, bounds, longest, longest, **extra)
    return out.reshape(rows, length, heads, -1), None


def half_dtype(value: torch.Tensor) -> torch.dtype:
    """The dtype to compute in. Under autocast, rotary embeddings leave query and key in fp32."""
    if value.dtype in (torch.bfloat16, torch.float16):
        return value.dtype
    kind = value.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else torch.bfloat16


def call_options(
    function: Callable[..., Any],
    heads: int,
    kv_heads: int,
    width: int,
    scaling: float | None,
    window: int | None,
) -> dict[str, Any]:
    """Keyword arguments of `varlen_attn`, which changed between torch 2.10 and 2.13."""
    known = signature(function).parameters
    options: dict[str, Any] = {}
    if "window_size" in known:
        options["window_size"] = (-1 if window is None else window - 1, 0)
    elif window is None:
        options["is_causal"] = True
    else:
        raise ValueError("this torch has no sliding window in varlen attention")
    if "scale" in known:
        options["scale"] = scaling
    elif scaling is not None and abs(scaling - width**-0.5) > 1e-6:
        raise ValueError("this torch has no scale in varlen attention")
    if "enable_gqa" in known and kv_heads != heads:
        options["enable_gqa"] = True
    return options
