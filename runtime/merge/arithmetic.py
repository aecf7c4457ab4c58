"""The arithmetic of merging: one tensor of all inputs -> one tensor.

Sums are formed in float64, block by block, and rounded once to the result's dtype: identical inputs whose weights add
up to 1 come out bit for bit, and the order of the inputs does not show but where a sum lies half-way between two numbers.

Linear and uniform averages: Wortsman et al. 2022, Model soups (arXiv 2203.05482). Spherical linear interpolation:
Shoemake 1985, Animating rotation with quaternion curves, here of whole tensors as vectors, which keep their lengths.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

BLOCK = 1 << 22
"""Numbers that are summed at once: 32 MiB in float64."""

PARALLEL = 1e-10
"""1 - |cos| below which two tensors count as parallel. The arc leaves the chord there by less than 1e-10 of its length,
which no weight can hold; closer, the arc's formula would lose digits."""


def mean(tensors: Sequence[torch.Tensor], dtype: torch.dtype) -> torch.Tensor:
    """Of tensors of one shape. It is exact where their sum is, as it nearly always is in float64."""
    return weighted(tensors, (1.0,) * len(tensors), dtype, over=len(tensors))


def weighted(
    tensors: Sequence[torch.Tensor], weights: Sequence[float], dtype: torch.dtype, over: int = 1
) -> torch.Tensor:
    """The sum of weight x tensor / over, of tensors of one shape. One of weight 0 is not looked at, so that what it holds,
    a number or not, does not matter."""
    used = [(t.reshape(-1), w) for t, w in zip(tensors, weights, strict=True) if w != 0]
    out = torch.empty(tensors[0].shape, dtype=dtype)
    flat = out.view(-1)
    for start in range(0, flat.numel(), BLOCK):
        here = slice(start, start + BLOCK)
        total = torch.zeros(flat[here].shape, dtype=torch.float64)
        for tensor, weight in used:
            total.add_(tensor[here].to(torch.float64), alpha=weight)
        flat[here] = total.div_(over).to(dtype)
    return out


def arc_weights(first: torch.Tensor, second: torch.Tensor, at: float) -> tuple[float, float] | None:
    """What slerp weighs two tensors by: sin((1 - at) x angle) / sin(angle) and sin(at x angle) / sin(angle), with the
    angle between them. None where there is no arc: one is zero, or they are (anti)parallel."""
    if at in (0.0, 1.0):
        return 1.0 - at, at
    dot, one, other = map(sum, zip(*_products(first, second), strict=True))
    length = math.sqrt(one) * math.sqrt(other)
    if not math.isfinite(length) or length == 0:
        return None
    cosine = dot / length
    if 1 - abs(cosine) < PARALLEL:
        return None
    angle = math.acos(cosine)
    return math.sin((1 - at) * angle) / math.sin(angle), math.sin(at * angle) / math.sin(angle)


def _products(first: torch.Tensor, second: torch.Tensor) -> list[tuple[float, float, float]]:
    """first x second, first x first and second x second, block by block."""
    found = [(0.0, 0.0, 0.0)]
    a, b = first.reshape(-1), second.reshape(-1)
    for start in range(0, a.numel(), BLOCK):
        x, y = (t[start : start + BLOCK].to(torch.float64) for t in (a, b))
        found.append((float(x @ y), float(x @ x), float(y @ y)))
    return found
