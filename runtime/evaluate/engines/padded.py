"""Token ids of several texts as one batch."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn.utils.rnn import pad_sequence


def padded(
    texts: Sequence[Sequence[int]], fill: int = 0, side: str = "right"
) -> tuple[torch.Tensor, torch.Tensor]:
    """ids and mask, (texts, longest), int64. On the right, where causal models do not look; on the left to generate."""
    ids = [torch.tensor(text, dtype=torch.long) for text in texts]
    mask = [torch.ones_like(each) for each in ids]
    return (
        pad_sequence(ids, batch_first=True, padding_value=fill, padding_side=side),
        pad_sequence(mask, batch_first=True, padding_side=side),
    )
