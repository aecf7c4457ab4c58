"""A slow kernel in fp32 behind torch's varlen_attn for tensors on a CPU, where torch has none.

It stands in for the kernel alone: what transformers hands to our function, what that hands to torch, torch's own checks,
its autograd and its shapes for the compiler are the real ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

import torch
from torch.nn.attention import varlen

Tensors = tuple[torch.Tensor, torch.Tensor, torch.Tensor]

seen: list[dict[str, object]] = []
"""What the kernel was given, call by call."""


def probabilities(
    query: torch.Tensor, key: torch.Tensor, causal: bool, scale: float, window: list[int] | None
) -> torch.Tensor:
    """Of one sequence; query, key: (heads, tokens, width). Follows FlashAttention: a token sees at most window[0] before it
    and window[1] after it, -1 for all."""
    left, right = window or (-1, -1)
    right = 0 if causal else right
    at = torch.arange(query.shape[1])
    behind = at[:, None] - at[None, :]
    hidden = torch.zeros_like(behind, dtype=torch.bool)
    if left >= 0:
        hidden |= behind > left
    if right >= 0:
        hidden |= -behind > right
    return (query @ key.transpose(1, 2) * scale).masked_fill(hidden, -torch.inf).softmax(-1)


def sequences(bounds: torch.Tensor, *tensors: torch.Tensor) -> Iterator[tuple[torch.Tensor, ...]]:
    """Each as (heads, tokens, width), with as many key heads as query heads; the first is the query."""
    heads = tensors[0].shape[1]
    for begin, end in pairwise(bounds.tolist()):
        parts = (x[begin:end].transpose(0, 1) for x in tensors)
        yield tuple(x.repeat_interleave(heads // x.shape[0], dim=0) for x in parts)


def joined(parts: list[torch.Tensor], like: torch.Tensor) -> torch.Tensor:
    """Back to (tokens, heads, width); heads that shared a key head are summed."""
    whole = torch.cat(parts, dim=1).transpose(0, 1)
    return whole.reshape(like.shape[0], like.shape[1], -1, like.shape[2]).sum(2)


def forward(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    cu_seq_q: torch.Tensor,
    cu_seq_k: torch.Tensor,
    max_q: int,
    max_k: int,
    is_causal: bool = False,
    scale: float | None = None,
    window_size: list[int] | None = None,
    *more: object,
) -> Tensors:
    seen.append({"heads": query.shape[1], "kv_heads": key.shape[1], "width": query.shape[2], "max": max_q})
    scale = query.shape[2] ** -0.5 if scale is None else scale
    parts = [
        probabilities(q, k, is_causal, scale, window_size) @ v
        for q, k, v in sequences(cu_seq_q, query, key, value)
    ]
    out = joined(parts, query)
    rest = torch.zeros(query.shape[1], query.shape[0]), torch.zeros(2, dtype=torch.uint64)
    return (out, *rest)


def backward(
    grad: torch.Tensor,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    out: torch.Tensor,
    lse: torch.Tensor,
    cu_seq_q: torch.Tensor,
    cu_seq_k: torch.Tensor,
    max_q: int,
    max_k: int,
    is_causal: bool,
    rng_state: torch.Tensor,
    scale: float | None = None,
    window_size: list[int] | None = None,
) -> Tensors:
    scale = query.shape[2] ** -0.5 if scale is None else scale
    found: list[list[torch.Tensor]] = [[], [], []]
    for q, k, v, o, g in sequences(cu_seq_q, query, key, value, out, grad):
        p = probabilities(q, k, is_causal, scale, window_size)
        scores = p * (g @ v.transpose(1, 2) - (g * o).sum(-1, keepdim=True)) * scale
        for parts, part in zip(
            found, (scores @ k, scores.transpose(1, 2) @ q, p.transpose(1, 2) @ g), strict=True
        ):
            parts.append(part)
    return joined(found[0], query), joined(found[1], key), joined(found[2], value)


@contextmanager
def kernel() -> Iterator[list[dict[str, object]]]:
    """Registers it, for the rest of the process: torch cannot take a kernel back."""
    varlen._varlen_attn.register_kernel("cpu")(forward)
    varlen._varlen_attn_backward.register_kernel("cpu")(backward)
    seen.clear()
    yield seen
