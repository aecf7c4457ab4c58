"""NEFTune: noise on the embeddings while training (Jain et al. 2023, arXiv 2310.05914).

Each embedding of a sequence of L tokens, d wide, gets noise drawn evenly from +-alpha / sqrt(L d). transformers' own takes
the padded batch for L: rows laid end to end would get less noise the more of them fit on a device.
"""

from __future__ import annotations

from typing import Any

import torch


class Noise:
    """A hook of the input embeddings. Tell it each batch before the forward pass."""

    def __init__(self, model: Any, alpha: float) -> None:
        self.alpha = alpha
        self.lengths: torch.Tensor | None = None
        model.get_input_embeddings().register_forward_hook(self)

    def see(self, batch: dict[str, Any]) -> None:
        """batch: of rows.Collator."""
        self.lengths = lengths(batch)

    def __call__(self, module: Any, given: Any, embedded: torch.Tensor) -> torch.Tensor:
        """embedded: (rows, length, width)."""
        if not module.training:
            return embedded
        assert self.lengths is not None
        scale = self.alpha / torch.sqrt(self.lengths * embedded.shape[-1])
        noise = torch.empty_like(embedded).uniform_(-1.0, 1.0)
        return embedded + noise * scale[..., None].to(embedded.dtype)


def lengths(batch: dict[str, Any]) -> torch.Tensor:
    """Tokens of the sequence that each one is in: (rows, length). Padding of a row of one sequence counts to it."""
    positions = batch.get("position_ids")
    if positions is None:
        mask = batch["attention_mask"]
        return mask.sum(1, keepdim=True).expand_as(mask)
    sequence = (positions == 0).cumsum(1)
    counts = torch.zeros(len(positions), positions.shape[1] + 1, dtype=torch.int64, device=positions.device)
    return counts.scatter_add_(1, sequence, torch.ones_like(sequence)).gather(1, sequence)
