"""Odds ratio preference optimisation: cross entropy on the chosen conversation plus an odds ratio."""

from __future__ import annotations

from typing import Any

import torch
from accelerate.utils import convert_outputs_to_fp32
from trl.experimental.orpo.orpo_config import ORPOConfig
from trl.experimental.orpo.orpo_trainer import ORPOTrainer

from smolc.runtime.jobs.train import OrpoLoss, TrainJob
from smolc.runtime.train.common import Common, Parts
from smolc.runtime.train.linear_loss import IGNORED
from smolc.runtime.train.model import keeps_dropout
from smolc.runtime.train.token_mean import TokenMean


def arguments(job: TrainJob, settings: dict[str, Any]) -> ORPOConfig:
    assert isinstance(job.loss, OrpoLoss)
    return ORPOConfig(
        **settings,
        beta=job.loss.beta,
        max_length=job.length,
        disable_dropout=not keeps_dropout(job),
        generate_during_eval=False,
    )


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


class Trainer(Common, TokenMean, ORPOTrainer):  # type: ignore[misc]
    """TRL tokenises each row with `tokenize_row`; it finds no text in ours and leaves them alone before that."""

    tokenize_row = staticmethod(columns_of)

    def trained(self, batch: dict[str, Any]) -> torch.Tensor:
        return batch["chosen_attention_mask"][:, 1:].sum()

    def concatenated_forward(self, model: Any, batch: dict[str, Any]) -> Any:
        """The fifth is the cross entropy of prompts and chosen answers."""
        output = super().concatenated_forward(model, batch)
        return output if self.share is None else (*output[:4], output[4] * self.share, *output[5:])


def trainer(job: TrainJob, args: ORPOConfig, parts: Parts) -> Trainer:
    # TRL takes log-softmax in the logits' own numbers; in bf16 a likelihood would have three digits.
    parts.model.forward = convert_outputs_to_fp32(parts.model.forward)
    made = Trainer(
        model=parts.model,
        args=args,
        train_dataset=parts.train,
        eval_dataset=parts.validation,
        processing_class=parts.tokenizer,
        peft_config=parts.adapter,
        callbacks=parts.callbacks,
    )
    made.order = parts.order
    return made
