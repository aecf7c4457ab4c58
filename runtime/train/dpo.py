"""Direct preference optimisation and its relatives, on pairs that the prepare job tokenised."""

from __future__ import annotations

from typing import Any

import torch
from trl.trainer import dpo_trainer
from trl.trainer.dpo_config import DPOConfig
from trl.trainer.dpo_trainer import DPOTrainer

from smolc.runtime.jobs.train import DpoLoss, TrainJob
from smolc.runtime.train.answers import PAIR
from smolc.runtime.train.common import Common, Parts
from smolc.runtime.train.model import keeps_dropout
from smolc.runtime.train.referred import Referred, build
from smolc.runtime.train.token_mean import TokenMean
from smolc.runtime.train.weighed import Weighed, paired

DIVERGENCES = {
    "reverse_kl": "reverse_kl",
    "forward_kl": "forward_kl",
    "js": "js_divergence",
    "alpha": "alpha_divergence",
}
"""TRL's names."""


def arguments(job: TrainJob, settings: dict[str, Any]) -> DPOConfig:
    """TRL shall compute no reference log-probabilities ahead: ours are there, see reference.py."""
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
        ld_alpha=job.loss.ld_alpha,
        f_divergence_type=DIVERGENCES[job.loss.divergence],
        # The paper's alpha, counted from the other end.
        f_alpha_divergence_coef=1 - (job.loss.divergence_alpha or 0.0),
        use_weighting=job.loss.wpo,
        discopop_tau=job.loss.discopop_tau,
        activation_offloading=False,
        pad_to_multiple_of=None,
    )


class Trainer(Weighed, Common, TokenMean, Referred, DPOTrainer):  # type: ignore[misc]
    loss_weights: list[Any]

    def sides(self, inputs: dict[str, Any]) -> tuple[torch.Tensor, torch.Tensor]:
        return paired(len(inputs["completion_mask"]) // 2)

    def kept_of(self, inputs: dict[str, Any]) -> list[torch.Tensor]:
        return [torch.cat([inputs[name] for name in PAIR.kept])]

    def trained(self, batch: dict[str, Any]) -> torch.Tensor | None:
        """`sft` is over the chosen answers, which come first."""
        if "sft" not in self.loss_types:
            return None
        mask = batch["completion_mask"]
        return mask[: len(mask) // 2, 1:].sum()

    def _compute_loss(self, model: Any, inputs: dict[str, Any], *args: Any) -> Any:
        """TRL multiplies each loss by its weight."""
        args = (model, inputs, *args)
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


def trainer(job: TrainJob, args: DPOConfig, parts: Parts) -> Any:
    return build(Trainer, dpo_trainer, job, args, parts)
