"""Kahneman-Tversky optimisation: single answers that are good or bad."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from trl.trainer import kto_trainer
from trl.trainer.kto_config import KTOConfig
from trl.trainer.kto_trainer import KTOTrainer

from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.train import KtoLoss, TrainJob
from smolc.runtime.train.common import Common, Parts
from smolc.runtime.train.model import keeps_dropout
from smolc.runtime.train.unpadded import heads_without_padding
from smolc.runtime.train.weighed import Weighed


def arguments(job: TrainJob, settings: dict[str, Any]) -> KTOConfig:
    """Raises JobError for a micro batch of one where the KL term needs answers of other prompts in the batch."""
    assert isinstance(job.loss, KtoLoss)
    if job.batch.micro < 2 and job.loss.loss == "kto":
        raise JobError(
            "kto needs at least 2 sequences per device and step, this job has 1",
            help="raise batch.micro: the KL estimate pairs each prompt with the answer to another",
        )
    return KTOConfig(
        **settings,
        loss_type=job.loss.loss,
        beta=job.loss.beta,
        desirable_weight=job.loss.desirable_weight,
        undesirable_weight=job.loss.undesirable_weight,
        train_sampling_strategy="sequential",
        max_length=None,
        precompute_ref_log_probs=False,
        disable_dropout=not keeps_dropout(job),
        sync_ref_model=False,
        activation_offloading=False,
        pad_to_multiple_of=None,
    )


def rotate(rows: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Pairs each prompt of a batch with the answer before it."""
    answers = rows["completion_ids"]
    return {"KL_completion_ids": [answers[-1], *answers[:-1]]}


class Trainer(Weighed, Common, KTOTrainer):  # type: ignore[misc]
    def sides(self, inputs: dict[str, Any]) -> tuple[torch.Tensor, torch.Tensor]:
        good = torch.as_tensor(inputs["label"], dtype=torch.bool)
        return good, ~good

    def _prepare_dataset(
        self, dataset: Any, processing_class: Any, args: KTOConfig, dataset_name: str
    ) -> Any:
        """Rows are tokenised, and in training order already: a batch of `map` is one of training."""
        if args.loss_type != "kto":
            return dataset
        return dataset.map(
            rotate, batched=True, batch_size=args.per_device_train_batch_size, keep_in_memory=True, desc=None
        )


def trainer(job: TrainJob, args: KTOConfig, parts: Parts) -> Trainer:
    given = parts.given() | {"train_dataset": parts.train.select(parts.order)}
    with heads_without_padding(kto_trainer) if parts.flat else nullcontext():
        made = Trainer(**given, args=args, ref_model=parts.reference)
    made.order = np.arange(len(parts.order), dtype=np.int64)
    return made
