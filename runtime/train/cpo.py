"""Contrastive preference optimisation (Xu et al. 2024) and SimPO (Meng et al. 2024), neither with a reference model.

Both are losses of one trainer of TRL. It adds cross entropy to SimPO, too, unless its weight is 0; it averages
log-probabilities over an answer's tokens for `simpo` and `ipo`, and sums them for the others.
"""

from __future__ import annotations

from typing import Any

import torch
from trl.experimental.cpo.cpo_config import CPOConfig
from trl.experimental.cpo.cpo_trainer import CPOTrainer

from smolc.runtime.jobs.train import CpoLoss, SimpoLoss, TrainJob
from smolc.runtime.train.common import Parts
from smolc.runtime.train.linear_loss import IGNORED
from smolc.runtime.train.model import keeps_dropout
from smolc.runtime.train.paired import Paired, build


def arguments(job: TrainJob, settings: dict[str, Any]) -> CPOConfig:
    loss = job.loss
    if isinstance(loss, SimpoLoss):
        # TRL takes the paper's gamma, and divides it by beta itself.
        own = {"loss_type": "simpo", "simpo_gamma": loss.gamma, "cpo_alpha": 0.0}
    else:
        assert isinstance(loss, CpoLoss)
        own = {"loss_type": loss.loss, "cpo_alpha": loss.alpha, "label_smoothing": loss.label_smoothing}
    return CPOConfig(
        **settings,
        **own,
        beta=loss.beta,
        max_length=job.length,
        disable_dropout=not keeps_dropout(job),
        generate_during_eval=False,
    )


class Trainer(Paired, CPOTrainer):  # type: ignore[misc]
    def averages(self) -> bool:
        return self.loss_type in ("ipo", "simpo")

    def trained(self, batch: dict[str, Any]) -> torch.Tensor | None:
        """The cross entropy is over the chosen answers."""
        return (batch["chosen_labels"][:, 1:] != IGNORED).sum() if self.cpo_alpha else None

    def get_batch_loss_metrics(self, *args: Any, **kwargs: Any) -> Any:
        """Without the cross entropy that is not computed: TRL reports it as 0."""
        loss, metrics = super().get_batch_loss_metrics(*args, **kwargs)
        named = {name: value for name, value in metrics.items() if self.cpo_alpha or "nll_loss" not in name}
        return loss, named


def trainer(job: TrainJob, args: CPOConfig, parts: Parts) -> Trainer:
    return build(Trainer, args, parts)  # type: ignore[no-any-return]
