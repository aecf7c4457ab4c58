"""Odds ratio preference optimisation: cross entropy on the chosen conversation plus an odds ratio."""

from __future__ import annotations

from typing import Any

import torch
from trl.experimental.orpo.orpo_config import ORPOConfig
from trl.experimental.orpo.orpo_trainer import ORPOTrainer

from smolc.runtime.jobs.train import OrpoLoss, TrainJob
from smolc.runtime.train.common import Parts
from smolc.runtime.train.model import keeps_dropout
from smolc.runtime.train.paired import Paired, build


def arguments(job: TrainJob, settings: dict[str, Any]) -> ORPOConfig:
    assert isinstance(job.loss, OrpoLoss)
    return ORPOConfig(
        **settings,
        beta=job.loss.beta,
        max_length=job.length,
        disable_dropout=not keeps_dropout(job),
        generate_during_eval=False,
    )


class Trainer(Paired, ORPOTrainer):  # type: ignore[misc]
    over_prompts = True

    def averages(self) -> bool:
        return True

    def trained(self, batch: dict[str, Any]) -> torch.Tensor:
        """The cross entropy is over prompts, too."""
        return batch["chosen_attention_mask"][:, 1:].sum()


def trainer(job: TrainJob, args: ORPOConfig, parts: Parts) -> Trainer:
    return build(Trainer, args, parts)  # type: ignore[no-any-return]
