"""What our trainers of TRL's experimental, reference-free losses share: pairs from our ids, likelihoods in fp32."""

from __future__ import annotations

from typing import Any

import torch
from accelerate.utils import convert_outputs_to_fp32

from smolc.runtime.train.common import Common, Parts
from smolc.runtime.train.linear_loss import IGNORED
from smolc.runtime.train.token_mean import TokenMean


def columns_of(row: dict[str, Any]) -> dict[str, list[int]]:
    """The columns that TRL's collator takes, from our ids alone: no token added, none cut."""
    prompt = row["prompt_ids"]
    columns = {"prompt_input_ids": prompt, "prompt_attention_mask": [1] * len(prompt)}
    for name in ("chosen", "rejected"):
        answer = row[f"{name}_ids"]
        columns[f"{name}_input_ids"] = prompt + answer
        columns[f"{name}_attention_mask"] = [1] * (len(prompt) + len(answer))
        columns[f"{name}_labels"] = [IGNORED] * len(prompt) + answer
    return columns


class Paired(Common, TokenMean):
    """Mixin in front of TRL's trainer. TRL tokenises each row with `tokenize_row`; it finds no text in ours and leaves
    them alone before that."""

    tokenize_row = staticmethod(columns_of)

    def concatenated_forward(self, model: Any, batch: dict[str, Any]) -> Any:
        """The fifth is the cross entropy."""
        output = super().concatenated_forward(model, batch)  # type: ignore[misc]
        return output if self.share is None else (*output[:4], output[4] * self.share, *output[5:])


def build(kind: Any, args: Any, parts: Parts) -> Any:
    """A trainer of the class `kind`."""
    model: torch.nn.Module = parts.model
    # TRL takes log-softmax in the logits' own numbers; in bf16 a likelihood would have three digits.
    model.forward = convert_outputs_to_fp32(model.forward)
    made = kind(**parts.given(), args=args)
    made.order = parts.order
    return made
