"""Continued pre-training and supervised fine-tuning: cross entropy over the prepared labels."""

from __future__ import annotations

from typing import Any

import torch
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer

from smolc.runtime.jobs.train import PlainLoss, TrainJob
from smolc.runtime.train.common import Common, Parts
from smolc.runtime.train.rows import IGNORED, Collator, fill_up


def arguments(job: TrainJob, settings: dict[str, Any]) -> SFTConfig:
    """Rows come tokenised, masked, cut and packed: TRL does none of that here."""
    assert isinstance(job.loss, PlainLoss)
    return SFTConfig(
        **settings,
        neftune_noise_alpha=job.loss.neftune,
        loss_type="nll",
        max_length=None,
        packing=False,
        padding_free=False,
        shuffle_dataset=False,
        completion_only_loss=False,
        assistant_only_loss=False,
        activation_offloading=False,
        pad_to_multiple_of=None,
        dataset_kwargs={"skip_prepare_dataset": True},
    )


class Trainer(Common, SFTTrainer):  # type: ignore[misc]
    """TRL's trainer, with an evaluation loss per trained token instead of per batch."""

    _loss_and_tokens: torch.Tensor

    def prediction_step(
        self, model: Any, inputs: Any, prediction_loss_only: bool, ignore_keys: Any = None
    ) -> Any:
        result = super().prediction_step(model, inputs, prediction_loss_only, ignore_keys)
        trained = (inputs["labels"] != IGNORED).sum().to(self.args.device)
        self._loss_and_tokens += torch.stack([result[0].float() * trained, trained.float()])
        return result

    def evaluation_loop(self, *args: Any, **kwargs: Any) -> Any:
        # The MPS back end has no float64; float32 is exact for token counts up to 16 million per device.
        self._loss_and_tokens = torch.zeros(2, device=self.args.device)
        output = super().evaluation_loop(*args, **kwargs)
        loss, tokens = self.accelerator.reduce(self._loss_and_tokens, "sum").tolist()
        output.metrics["eval_loss"] = loss / max(tokens, 1.0)
        return output


def trainer(job: TrainJob, args: SFTConfig, parts: Parts) -> Trainer:
    pad = parts.tokenizer.pad_token_id
    validation = parts.validation
    if validation is not None:
        validation = fill_up(validation, job.batch.micro * job.batch.data_parallel, pad)
    made = Trainer(
        model=parts.model,
        args=args,
        data_collator=Collator(pad, parts.flat),
        train_dataset=parts.train,
        eval_dataset=validation,
        processing_class=parts.tokenizer,
        peft_config=parts.adapter,
        callbacks=parts.callbacks,
    )
    made.order = parts.order
    return made
