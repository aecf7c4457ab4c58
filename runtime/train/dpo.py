"""Direct preference optimisation and its relatives, on pairs that the prepare job tokenised."""

from __future__ import annotations

from typing import Any

import torch
from trl.trainer.dpo_config import DPOConfig
from trl.trainer.dpo_trainer import DPOTrainer

from smolc.runtime.jobs.train import DpoLoss, TrainJob
from smolc.runtime.train.common import Common, Parts
from smolc.runtime.train.model import keeps_dropout
from smolc.runtime.train.token_mean import TokenMean


def arguments(job: TrainJob, settings: dict[str, Any]) -> DPOConfig:
    """Reference log-probabilities come along the way: TRL would cache them in the data job's folder."""
    assert isinstance(job.loss, DpoLoss)
    return DPOConfig(
        **settings,
        loss_type=list(job.loss.loss),
        loss_weights=None if job.loss.weights is None else list(job.loss.weights),
        beta=job.loss.beta,
        label_smoothing=job.loss.label_smoothing,
        max_length=None,
        precompute_ref_log_probs=False,
        disable_dropout=not keeps_dropout(job),
        sync_ref_model=False,
        use_weighting=False,
        f_divergence_type="reverse_kl",
        activation_offloading=False,
        pad_to_multiple_of=None,
    )


class Trainer(Common, TokenMean, DPOTrainer):  # type: ignore[misc]
    loss_weights: list[Any]

    def trained(self, batch: dict[str, Any]) -> torch.Tensor | None:
        """`sft` is over the chosen answers, which come first."""
        if "sft" not in self.loss_types:
            return None
        mask = batch["completion_mask"]
        return mask[: len(mask) // 2, 1:].sum()

    def _compute_loss(self, *args: Any) -> Any:
        """TRL multiplies each loss by its weight."""
        if self.share is None:
            return super()._compute_loss(*args)
        weights = self.loss_weights
        self.loss_weights = [
            w * self.share if name == "sft" else w for name, w in zip(self.loss_types, weights, strict=True)
        ]
        try:
            return super()._compute_loss(*args)
        finally:
            self.loss_weights = weights

    def _prepare_dataset(self, dataset: Any, *args: Any) -> Any:
        """Rows are tokenised already; TRL would do it again from text, and add an end-of-sequence token."""
        return dataset


def trainer(job: TrainJob, args: DPOConfig, parts: Parts) -> Trainer:
    made = Trainer(
        model=parts.model,
        ref_model=parts.reference,
        args=args,
        train_dataset=parts.train,
        eval_dataset=parts.validation,
        processing_class=parts.tokenizer,
        peft_config=parts.adapter,
        callbacks=parts.callbacks,
    )
    made.order = parts.order
    return made
