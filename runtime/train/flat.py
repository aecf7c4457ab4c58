"""Batches laid end to end in one row, for kernels that take variable lengths."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from smolc.runtime.train.linear_loss import IGNORED

Ints = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True)
class Fixed:
    """The shape of every flat batch: programs and recordings are made for one shape.

    tokens: of a batch, filled up with untrained ones. longest: no sequence is longer. sequences: their number, filled up
    with empty ones; None leaves it open.
    """

    tokens: int
    longest: int
    sequences: int | None = None


def fixed_shape(sequences: Ints, micro: int, length: int, order: Ints) -> Fixed:
    """Of batches of `micro` packed rows in training order. sequences: in each row."""
    most = int(sequences[order].reshape(-1, micro).sum(axis=1).max())
    # What is filled up, in sequences of at most a row.
    return Fixed(micro * length, length, most + micro)


def lay_out(
    ids: list[torch.Tensor], labels: list[torch.Tensor], lengths: list[int], pad: int, fixed: Fixed | None
) -> dict[str, Any]:
    """ids, labels: of each row. lengths: of each sequence in them. Returns tensors of shape (1, tokens), and the bounds
    of the sequences, int32 of shape (sequences + 1,), as `cu_seq_lens_*`."""
    lengths = list(lengths)
    if fixed is not None:
        missing = fixed.tokens - sum(lengths)
        filled = [min(fixed.longest, missing - at) for at in range(0, missing, fixed.longest)]
        ids = [*ids, torch.full((missing,), pad)]
        labels = [*labels, torch.full((missing,), IGNORED)]
        lengths += filled
        if fixed.sequences is not None:
            lengths += [0] * (fixed.sequences - len(lengths))
    bounds = torch.tensor([0, *lengths]).cumsum(0).to(torch.int32)
    longest = fixed.longest if fixed is not None else max(lengths)
    return {
        "input_ids": torch.cat(ids)[None],
        "labels": torch.cat(labels)[None],
        "position_ids": torch.cat([torch.arange(n) for n in lengths])[None],
        "cu_seq_lens_q": bounds,
        "cu_seq_lens_k": bounds,
        "max_length_q": longest,
        "max_length_k": longest,
    }
