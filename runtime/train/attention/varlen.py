"""FlashAttention over packed rows as torch ships it, for transformers.

`torch.nn.attention.varlen` (torch 2.11 and later) is FlashAttention for sequences of different lengths, without the
flash-attn package. Registered with transformers, it reads the bounds of the sequences that the collator adds to a batch.
"""

from __future__ import annotations

from importlib.util import find_spec
from inspect import signature
from typing import Any

import torch
from torch.nn.functional import pad

VARLEN = "smolc_varlen"
ALIGNED = 8
"""Heads are a multiple of so many numbers wide."""


def has_varlen() -> bool:
    return find_spec("torch.nn.attention.varlen") is not None


def implementation(kind: str) -> str:
    """What transformers calls it. Registers varlen on first use."""
    if kind != "varlen":
        return kind
    from transformers import AttentionInterface

    # No mask function beside it: to make none, transformers would look for documents in the positions, and so wait for the
    # GPU in every pass. A padding mask is then not handed on, so varlen_forward demands the bounds instead.
    AttentionInterface.register(VARLEN, varlen_forward)
    return VARLEN


if has_varlen():
    from torch.nn.attention.varlen import varlen_attn

    # Read once, not in every call: torch.compile could not follow. torch 2.11 and 2.12 have no such keyword, and hand fewer
    # key heads to the kernel as they are; later ones want to be told.
    GROUPS = {"enable_gqa": True} if "enable_gqa" in signature(varlen_attn).parameters else {}


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

    query: (rows, heads, length, width); key: (rows, kv heads, length, width); value: (rows, kv heads, length, any width up
    to that). cu_seq_lens_q: bounds of the sequences in the flattened rows, int32 on the same device, (sequences + 1,).
    max_length_q: no sequence is longer. sliding_window: a token sees so many, itself among them.
    Returns (rows, length, heads, width of value) in half precision. Never waits for the GPU, and nothing here depends on
    what tensors hold. Raises ValueError for what the kernel does not compute.
    """
    if attention_mask is not None or cu_seq_lens_q is None or max_length_q is None:
        raise ValueError(
            "varlen attention takes the bounds of sequences (cu_seq_lens_q, max_length_q), and no mask"
        )
    if dropout or any(kwargs.get(name) is not None for name in ("softcap", "s_aux", "position_bias")):
        raise ValueError("varlen attention has no dropout, soft-capping, attention sinks or position biases")
    if kwargs.get("is_causal", getattr(module, "is_causal", True)) is False:
        raise ValueError("varlen attention is causal")

    rows, heads, length, width = query.shape
    cropped = value.shape[3]
    dtype = half_dtype(value)
    query, key, value = (_flat(x, width + -width % ALIGNED, dtype) for x in (query, key, value))
    out = varlen_attn(
        query,
        key,
        value,
        cu_seq_lens_q,
        cu_seq_lens_q,
        max_length_q,
        max_length_q,
        scale=width**-0.5 if scaling is None else scaling,
        window_size=(-1, 0) if sliding_window is None else (sliding_window - 1, 0),
        **GROUPS,
    )
    return out[..., :cropped].reshape(rows, length, heads, cropped), None


def _flat(x: torch.Tensor, width: int, dtype: torch.dtype) -> torch.Tensor:
    """(rows, heads, length, any) -> (rows x length, heads, width): zeros behind a head change no product."""
    x = x.transpose(1, 2).flatten(0, 1).to(dtype)
    return x if x.shape[2] == width else pad(x, (0, width - x.shape[2]))


def half_dtype(value: torch.Tensor) -> torch.dtype:
    """The dtype to compute in. Under autocast, rotary embeddings leave query and key in fp32."""
    if value.dtype in (torch.bfloat16, torch.float16):
        return value.dtype
    kind = value.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else torch.bfloat16
