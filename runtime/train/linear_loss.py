"""Cross entropy from the last hidden states, without the logits of all tokens in memory at once.

The gradients are computed in the forward pass, chunk by chunk, while a chunk's logits are there: nothing of the size of
the vocabulary is kept, and nothing is computed twice (the idea of Liger's fused linear cross entropy).
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from typing import Any

import torch

IGNORED = -100
FUSED, PLAIN = 2**29, 2**26
"""Logits that are in memory at once: where one kernel makes the gradient of them, and where each operation has its own
copy."""


def linear_cross_entropy(
    hidden: torch.Tensor, weight: torch.Tensor, labels: torch.Tensor, scale: torch.Tensor, dft: bool = False
) -> tuple[torch.Tensor, torch.Tensor]:
    """hidden: (tokens, width). weight: (vocabulary, width). labels: (tokens,), -100 is not trained. scale: scalar. dft: a
    token's cross entropy counts as much as the token is likely, which has no gradient itself (Wu et al. 2025).

    Returns the sum of the tokens' cross entropies times `scale` in fp32, which has gradients, and the number of tokens
    whose likeliest next token is the label.
    """
    return _LinearCrossEntropy.apply(hidden, weight, labels, scale, dft)  # type: ignore[no-any-return]


class _LinearCrossEntropy(torch.autograd.Function):  # type: ignore[misc]
    @staticmethod
    def forward(
        ctx: Any,
        hidden: torch.Tensor,
        weight: torch.Tensor,
        labels: torch.Tensor,
        scale: torch.Tensor,
        dft: bool,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        trains = hidden.requires_grad or weight.requires_grad
        loss = torch.zeros((), dtype=torch.float32, device=hidden.device)
        right = torch.zeros((), dtype=torch.float32, device=hidden.device)
        to_hidden = torch.empty_like(hidden) if trains else None
        to_weight = torch.zeros_like(weight) if trains and weight.requires_grad else None
        fused = is_fused(hidden.device.type)
        rows = max(1, (FUSED if fused else PLAIN) // len(weight))
        function = chunk_loss(trains, fused)
        for start in range(0, len(hidden), rows):
            part, label = hidden[start : start + rows], labels[start : start + rows]
            logits = part @ weight.t()
            nll, hits, gradient = function(logits, label, scale, dft)
            loss += nll
            right += hits
            if to_hidden is not None:
                torch.mm(gradient, weight, out=to_hidden[start : start + rows])
            if to_weight is not None:
                to_weight.addmm_(gradient.t(), part)
            del logits, gradient
        ctx.save_for_backward(to_hidden, to_weight)
        ctx.mark_non_differentiable(right)
        return loss * scale, right

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor, _: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        to_hidden, to_weight = ctx.saved_tensors
        return (
            None if to_hidden is None else to_hidden * gradient.to(to_hidden.dtype),
            None if to_weight is None else to_weight * gradient.to(to_weight.dtype),
            None,
            None,
            None,
        )


def is_fused(device: str) -> bool:
    """Whether a compiler for the device is there."""
    return device == "cuda" and find_spec("triton") is not None


@cache
def chunk_loss(trains: bool, fused: bool) -> Any:
    function = _with_gradient if trains else _without_gradient
    return torch.compile(function, dynamic=True) if fused else function


def _with_gradient(
    logits: torch.Tensor, labels: torch.Tensor, scale: torch.Tensor, dft: bool
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Sum of cross entropies, number of right guesses, and the gradient of sum x scale by the logits in their dtype."""
    exact = logits.float()
    total = torch.logsumexp(exact, dim=-1, keepdim=True)
    trained = labels != IGNORED
    index = torch.where(trained, labels, 0)[:, None]
    picked = exact.gather(1, index)
    columns = torch.arange(exact.shape[1], device=exact.device)[None]
    gradient = torch.exp(exact - total) - (columns == index).to(exact.dtype)
    nll = total - picked
    counts = trained[:, None] * scale
    if dft:
        likely = torch.exp(-nll)
        nll, counts = nll * likely, counts * likely
    gradient = gradient * counts
    nll = torch.where(trained, nll[:, 0], 0.0).sum()
    hits = (trained & (picked[:, 0] >= exact.amax(dim=-1))).float().sum()
    return nll, hits, gradient.to(logits.dtype)


def _without_gradient(
    logits: torch.Tensor, labels: torch.Tensor, scale: torch.Tensor, dft: bool
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    exact = logits.float()
    total = torch.logsumexp(exact, dim=-1)
    trained = labels != IGNORED
    picked = exact.gather(1, torch.where(trained, labels, 0)[:, None])[:, 0]
    nll = total - picked
    nll = torch.where(trained, nll * torch.exp(-nll) if dft else nll, 0.0).sum()
    hits = (trained & (picked >= exact.amax(dim=-1))).float().sum()
    return nll, hits, logits
