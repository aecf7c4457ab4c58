"""Continued pre-training and supervised fine-tuning: cross entropy over the prepared labels."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer

from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.train import PlainLoss, TrainJob
from smolc.runtime.train import head
from smolc.runtime.train.common import Common, Parts
from smolc.runtime.train.graph import CapturedStep
from smolc.runtime.train.linear_loss import IGNORED
from smolc.runtime.train.neftune import Noise
from smolc.runtime.train.rows import Collator, Targets, fill_up
from smolc.runtime.train.spread import parts_of, sequence_of
from smolc.runtime.train.ulysses import SequenceParallel


def arguments(job: TrainJob, settings: dict[str, Any]) -> SFTConfig:
    """Rows come tokenised, masked, cut and packed: TRL does none of that here."""
    assert isinstance(job.loss, PlainLoss)
    return SFTConfig(
        **settings,
        neftune_noise_alpha=None,  # see neftune.py
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
    """TRL's trainer with our own loss where the model allows it, which never waits for the GPU, and with an evaluation
    loss per trained token instead of per batch."""

    own_loss: bool
    dft: bool = False
    noise: Noise | None = None
    recorded: CapturedStep | None = None
    # Sums over what was trained, or evaluated, since they were last told: loss, trained tokens, right guesses.
    _sums: torch.Tensor | None = None

    def _loss(self, model: Any, inputs: dict[str, Any], items: torch.Tensor, devices: int) -> Any:
        """The sum of the batch's cross entropies over `items`, times `devices`; and the number of right guesses."""
        if self.noise is not None:
            self.noise.see(inputs)
        given = {name: value for name, value in inputs.items() if name != "labels"}
        # Held-out losses are plain ones, which compare.
        return model(**given, items=items, devices=devices, dft=self.dft and model.training)

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        if not self.own_loss:
            if self.noise is not None:
                self.noise.see(inputs)
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        # A whole number: FSDP2 would round any other to bf16, and with it the loss by up to 1/512.
        items = torch.as_tensor(num_items_in_batch, device=self.args.device).long()
        loss, right = self._loss(model, inputs, items, self.accelerator.num_processes)
        self._add(torch.zeros_like(right), _trained(inputs, right), right)
        return loss

    def _add(self, loss: torch.Tensor, trained: torch.Tensor, right: torch.Tensor) -> None:
        new = torch.stack([loss, trained, right])
        if self._sums is None:
            self._sums = torch.zeros_like(new)
        self._sums += new

    def _take_sums(self) -> list[float]:
        """Over all devices."""
        sums, self._sums = self._sums, None
        sums = torch.zeros(3, device=self.args.device) if sums is None else sums
        return [float(x) for x in self.accelerator.reduce(sums, "sum")]

    def training_step(self, model: Any, inputs: dict[str, Any], num_items_in_batch: Any = None) -> Any:
        if not self.records:
            return super().training_step(model, inputs, num_items_in_batch)
        batch = {**self._prepare_inputs(inputs), "items": torch.as_tensor(num_items_in_batch).cuda()}
        if self.recorded is None:
            self.recorded = self._record(model, batch)
        if not self.recorded.fits(batch):
            return super().training_step(model, inputs, num_items_in_batch)
        loss, trained, right = self.recorded(batch).unbind()
        self._add(torch.zeros_like(right), trained, right)
        self.note_loss(loss)
        return loss

    def _record(self, model: Any, batch: dict[str, Any]) -> CapturedStep:
        masters = self.masters
        assert masters is not None
        masters.record()
        model.train()

        return CapturedStep(partial(self.pass_through, model), batch, masters.clear)

    def pass_through(self, model: Any, batch: dict[str, Any]) -> torch.Tensor:
        """Forward and backward pass. batch: with `items`. Returns the loss, the trained tokens and the right guesses."""
        rest = {name: value for name, value in batch.items() if name != "items"}
        loss, right = self._loss(model, rest, batch["items"], self.accelerator.num_processes)
        loss.backward()
        return torch.stack([loss.detach(), _trained(rest, right), right])

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        if self._sums is not None and "loss" in logs:
            _, trained, right = self._take_sums()
            logs = {**logs, "mean_token_accuracy": right / max(trained, 1.0)}
        super().log(logs, *args, **kwargs)

    def prediction_step(
        self, model: Any, inputs: Any, prediction_loss_only: bool, ignore_keys: Any = None
    ) -> Any:
        if not self.own_loss:
            result = super().prediction_step(model, inputs, prediction_loss_only, ignore_keys)
            trained = (inputs["labels"] != IGNORED).sum().to(self.args.device)
            self._add(result[0].float() * trained, trained.float(), torch.zeros_like(result[0]).float())
            return result
        inputs = self._prepare_inputs(inputs)
        with torch.no_grad():
            one = torch.ones((), dtype=torch.int64, device=self.args.device)
            loss, right = self._loss(model, inputs, one, 1)
        trained = _trained(inputs, right)
        self._add(loss, trained, right)
        return loss / trained.clamp(min=1), None, None

    def evaluation_loop(self, *args: Any, **kwargs: Any) -> Any:
        before, self._sums = self._sums, None
        output = super().evaluation_loop(*args, **kwargs)
        loss, tokens, right = self._take_sums()
        output.metrics["eval_loss"] = loss / max(tokens, 1.0)
        if self.own_loss:
            output.metrics["eval_mean_token_accuracy"] = right / max(tokens, 1.0)
        self._sums = before
        return output


def _trained(inputs: dict[str, Any], like: torch.Tensor) -> torch.Tensor:
    return (inputs["targets"] != IGNORED).sum().to(like.dtype)


class SequenceParallelTrainer(SequenceParallel, Trainer):
    """The devices of a group compute parts of the same rows."""


def trainer(job: TrainJob, args: SFTConfig, parts: Parts) -> Trainer:
    pad = parts.tokenizer.pad_token_id
    validation = parts.validation
    if validation is not None:
        validation = fill_up(validation, job.batch.micro * job.processes, pad)
    assert isinstance(job.loss, PlainLoss)
    why = head.why_not(parts.model, job)
    own_loss = why is None
    if job.loss.dft and not own_loss:
        raise JobError(
            f"loss = dft is computed from the model's last hidden states, but {why}", help="write loss = nll"
        )
    records = own_loss and parts.records
    targets: Targets = "none" if not own_loss else "all" if records else "picked"
    kind = SequenceParallelTrainer if sequence_of(job) > 1 else Trainer
    collator = Collator(pad, parts.flat, parts.fixed, targets, parts_of(job))
    made = kind(**parts.given() | {"eval_dataset": validation}, args=args, data_collator=collator)
    made.order, made.own_loss, made.records, made.dft = parts.order, own_loss, records, job.loss.dft
    if own_loss:
        head.add_loss(parts.model)
    if job.loss.neftune is not None:
        made.noise = Noise(parts.model, job.loss.neftune)
    return made
