"""What there is to look at when the first step is about to be made."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch

from smolc.runtime.jobs.train import TrainJob
from smolc.runtime.train.steps import Length

DTYPES = {torch.float32: "fp32", torch.bfloat16: "bf16", torch.float16: "fp16", torch.uint8: "4 bit"}


@dataclass(frozen=True)
class Asked:
    """The plan. rows: the prepared rows. order: row numbers as drawn, (steps * sequences,). attention: transformers'
    name of it."""

    job: TrainJob
    length: Length
    rows: Any
    order: Any
    attention: str


@dataclass(frozen=True)
class Seen:
    """The plan, the prepared trainer, and what its loader gave this process for the first step.

    items: what the loss will be divided by; None if the trainer counts nothing.
    """

    asked: Asked
    trainer: Any
    batches: list[Any]
    items: Any

    @property
    def job(self) -> TrainJob:
        return self.asked.job

    @property
    def model(self) -> Any:
        """Without the wrappers of DDP and DeepSpeed; with PEFT's, if there is an adapter."""
        return self.trainer.accelerator.unwrap_model(self.trainer.model_wrapped, keep_torch_compile=False)

    @property
    def engine(self) -> Any | None:
        """DeepSpeed's."""
        wrapped = self.trainer.model_wrapped
        return wrapped if hasattr(wrapped, "zero_optimization_stage") else None

    @property
    def optimizer(self) -> Any:
        """The one that makes the step, without the wrappers of accelerate and DeepSpeed."""
        engine = self.engine
        found = engine.basic_optimizer if engine is not None else self.trainer.optimizer
        while engine is None and hasattr(found, "optimizer"):
            found = found.optimizer
        return found


def dtypes(tensors: Iterable[Any]) -> str:
    """Those of `tensors`, each once: `fp32`, or `bf16, fp32`; `-` if there are no tensors."""
    names = {DTYPES.get(t.dtype, str(t.dtype).removeprefix("torch.")) for t in tensors}
    return ", ".join(sorted(names)) or "-"
