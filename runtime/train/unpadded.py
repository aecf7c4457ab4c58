"""Batches of preference pairs without their padding: laid end to end for the model, and padded again for TRL's losses.

TRL has `padding_free` for SFT alone (1.16). Its preference losses read nothing of the model but numbers per token, in a
grid of sequences, so padding can be taken out around the model, and they stay what they are.
"""

from __future__ import annotations

import types
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from functools import wraps
from typing import Any

import torch
from trl.trainer.utils import add_fused_lm_head

from smolc.runtime.train.linear_loss import IGNORED


def without_padding(model: Any) -> None:
    """`model` has TRL's fused head. Called with `fused_lm_head`, it then takes what that takes, input_ids, attention_mask
    and labels of shape (sequences, longest), and computes nothing for padding; of its per-token outputs, (sequences,
    longest - 1), those of padding are 0."""
    padded = model.forward

    @wraps(type(model).forward)
    def forward(self: Any, *args: Any, fused_lm_head: bool = False, **given: Any) -> Any:
        if not fused_lm_head:
            return padded(*args, **given)
        ids, labels, mask = given.pop("input_ids"), given.pop("labels"), given.pop("attention_mask").bool()
        flat, position = _flat(ids, labels, mask)
        output = padded(**given, **flat, fused_lm_head=True)
        return replace(output, **{
            field.name: _grid(value, mask, position)
            for field in fields(output)
            if isinstance(value := getattr(output, field.name), torch.Tensor) and value.ndim
        })  # fmt: skip

    model.forward = types.MethodType(forward, model)


def _flat(ids: torch.Tensor, labels: torch.Tensor, mask: torch.Tensor) -> tuple[dict[str, Any], torch.Tensor]:
    """What the model takes, (1, tokens), and where each of its tokens is in the grid, counted row by row."""
    lengths = mask.sum(1).cpu()
    bounds = torch.nn.functional.pad(lengths.cumsum(0), (1, 0)).to(torch.int32).to(ids.device)
    longest = int(lengths.max())
    position = mask.flatten().nonzero().flatten()
    # A sequence's last token predicts nothing.
    following = torch.nn.functional.pad(labels, (0, 1), value=IGNORED)[:, 1:]
    within = mask.cumsum(1) - 1
    given = {
        "input_ids": ids.flatten()[position][None],
        "shift_labels": following.flatten()[position][None],
        "position_ids": within.flatten()[position][None],
        "cu_seq_lens_q": bounds,
        "cu_seq_lens_k": bounds,
        "max_length_q": longest,
        "max_length_k": longest,
    }
    return given, position


def _grid(value: torch.Tensor, mask: torch.Tensor, position: torch.Tensor) -> torch.Tensor:
    """From (1, tokens) to (sequences, longest - 1)."""
    whole = value.new_zeros(mask.numel()).index_copy(0, position, value[0])
    return whole.view(mask.shape)[:, :-1]


@contextmanager
def heads_without_padding(trainers: Any) -> Iterator[None]:
    """While a trainer of the module is made: models that it gives a fused head are then called without padding."""

    def both(model: Any, *args: Any, **given: Any) -> None:
        add_fused_lm_head(model, *args, **given)
        without_padding(model)

    trainers.add_fused_lm_head = both
    try:
        yield
    finally:
        trainers.add_fused_lm_head = add_fused_lm_head
