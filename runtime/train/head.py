"""The model's forward pass down to the loss of its trained tokens, and the labels that it takes.

TRL's own asks the GPU for three numbers in each micro step, so the processor waits for it; and it computes the logits
twice.
"""

from __future__ import annotations

from typing import Any

import torch

from smolc.runtime.jobs.train import TrainJob
from smolc.runtime.train.linear_loss import IGNORED, linear_cross_entropy

SCALED = (
    "final_logit_softcapping",
    "logit_scale",
    "output_multiplier",
    "lm_head_multiplier",
    "logits_scaling",
)
"""What some models do to their logits."""


def why_not(model: Any, job: TrainJob) -> str | None:
    """Why this model's loss is left to TRL; None if it is not. model: the causal language model itself."""
    config = model.config.get_text_config()
    if job.precision == "fp16":
        # They are made in the forward pass, before they are scaled to what fp16 can hold.
        return "its gradients would vanish in fp16"
    if job.sharers > 1:
        return "context parallel divides the labels of rows, which are flat there"
    if getattr(model, "base_model", model) is model or model.get_output_embeddings() is None:
        return "the model has no head of its own"
    if any(getattr(config, name, None) not in (None, 1, 1.0) for name in SCALED):
        return "the model scales its logits"
    if getattr(config, "output_router_logits", False):
        return "the loss has a part for the experts' balance"
    if getattr(model.get_output_embeddings(), "bias", None) is not None:
        return "the head has a bias"
    return None


def shifted(labels: torch.Tensor, *, pick: bool) -> dict[str, torch.Tensor]:
    """labels: (rows, length) -> `targets`, what each position has to predict; -100 where nothing is trained.

    pick: only the trained positions, (trained,), with `at`, their places in the flattened batch. Otherwise all of them,
    (rows x length,), so that the shape is that of the batch.
    """
    targets = torch.full_like(labels, IGNORED)
    targets[:, :-1] = labels[:, 1:]
    targets = targets.reshape(-1)
    if not pick:
        return {"targets": targets}
    at = (targets != IGNORED).nonzero()[:, 0]
    return {"targets": targets[at], "at": at}


def add_loss(model: Any) -> None:
    """`model(..., targets, at, items, devices, dft)` then gives the loss and the number of right guesses.

    targets, at: see `shifted`. items: int64, the trained tokens of the whole optimiser step, over which the loss is a mean;
    no floating-point number, since FSDP2 would round it. devices: they average their gradients, so each one's loss counts
    that many times. dft: see `linear_cross_entropy`. Everything else is as before. model: the causal language model, before
    adapters and sharding are put around it.
    """
    before, head = model.forward, model.get_output_embeddings()
    project = head.forward

    def forward(
        *args: Any,
        targets: torch.Tensor | None = None,
        at: torch.Tensor | None = None,
        items: torch.Tensor | None = None,
        devices: int = 1,
        dft: bool = False,
        **kwargs: Any,
    ) -> Any:
        if targets is None:
            return before(*args, **kwargs)
        hidden = model.base_model(*args, use_cache=False, **kwargs).last_hidden_state
        hidden = hidden.reshape(-1, hidden.shape[-1])
        return head(hidden if at is None else hidden[at], targets, items, devices, dft)

    def loss(
        hidden: torch.Tensor, targets: Any = None, items: Any = None, devices: int = 1, dft: bool = False
    ) -> Any:
        """The head's own forward pass, since FSDP2 and ZeRO-3 gather a module's weights when it is called."""
        if targets is None:
            return project(hidden)
        return linear_cross_entropy(hidden, head.weight, targets, devices / items.clamp(min=1), dft)

    model.forward, head.forward = forward, loss
