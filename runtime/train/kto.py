"""Kahneman-Tversky optimisation: single answers that are good or bad."""

from __future__ import annotations

from typing import Any

import datasets
import numpy as np
import torch
from trl.trainer import kto_trainer
from trl.trainer.kto_config import KTOConfig
from trl.trainer.kto_trainer import KTOTrainer

from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.train import KtoLoss, TrainJob
from smolc.runtime.train.answers import contents
from smolc.runtime.train.common import Common, Parts
from smolc.runtime.train.model import keeps_dropout
from smolc.runtime.train.referred import Referred, build
from smolc.runtime.train.rows import Ints
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


def mismatched(prompts: Ints, size: int) -> Ints:
    """For each row the one whose answer is beside its prompt. prompts: numbers, equal for equal ones. size: of a batch.

    All answers of a batch are moved by as few places as leave the fewest beside a prompt of their own; where one is left,
    as in a batch of one row, the next row before it with another prompt gives its answer.
    """
    others = np.arange(len(prompts))
    for start in range(0, len(prompts), size):
        rows = np.arange(start, min(start + size, len(prompts)))
        moved = [np.roll(rows, places) for places in range(1, len(rows))] or [rows]
        others[rows] = min(moved, key=lambda m: int((prompts[m] == prompts[rows]).sum()))
    for row in np.flatnonzero(prompts[others] == prompts):
        there = np.flatnonzero(np.roll(prompts, -row) != prompts[row])
        if not len(there):  # there is no other prompt
            break
        others[row] = (row + there[-1]) % len(prompts)
    return others


def laid_out(job: TrainJob, rows: Any, order: Ints | None = None) -> datasets.Dataset:
    """The rows in training order; where the loss estimates a KL, each prompt with the answer to another one, too."""
    assert isinstance(job.loss, KtoLoss)
    table = rows.select_columns(["prompt_ids", "completion_ids", "label"]).with_format("arrow")[:]
    if order is not None:
        table = table.take(order)
    made = datasets.Dataset(table.replace_schema_metadata())
    if job.loss.loss != "kto":
        return made
    prompts = np.unique(list(contents(made, "prompt_ids")), return_inverse=True)[1]
    answers = table.column("completion_ids").take(mismatched(prompts, job.batch.micro))
    return datasets.Dataset(table.append_column("KL_completion_ids", answers).replace_schema_metadata())


class Trainer(Weighed, Common, Referred, KTOTrainer):  # type: ignore[misc]
    # Its estimate of the KL is a mean over what all devices have in one step: the same on any number of them only so.
    evaluates_whole = True

    def sides(self, inputs: dict[str, Any]) -> tuple[torch.Tensor, torch.Tensor]:
        good = torch.as_tensor(inputs["label"], dtype=torch.bool)
        return good, ~good

    def kept_of(self, inputs: dict[str, Any]) -> list[torch.Tensor]:
        return [inputs[name] for name in ("ref_KL_logps", "ref_logps") if name in inputs]

    def _prepare_dataset(self, dataset: Any, *args: Any) -> Any:
        """Rows are tokenised, in training order, and beside their mismatched answers."""
        return dataset


def trainer(job: TrainJob, args: KTOConfig, parts: Parts) -> Any:
    made = build(Trainer, kto_trainer, job, args, parts)
    made.order = np.arange(len(parts.train), dtype=np.int64)  # as they are laid out
    return made
