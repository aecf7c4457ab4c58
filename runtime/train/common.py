"""What our trainers share, mixed into TRL's classes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from smolc.runtime.train.flat import Fixed
from smolc.runtime.train.hold import HoldsMasters


@dataclass(frozen=True)
class Parts:
    """What a trainer is made of. order: row numbers in training order. reference: a frozen model. records: a micro batch
    becomes a CUDA graph. fixed: the shape of flat batches, if they have one."""

    model: Any
    tokenizer: Any
    train: Any
    validation: Any | None
    order: np.ndarray[Any, np.dtype[np.int64]]
    adapter: Any | None
    reference: Any | None
    flat: bool
    callbacks: list[Any]
    records: bool = False
    fixed: Fixed | None = None

    def given(self) -> dict[str, Any]:
        """What TRL's trainers all take, by its names for it."""
        return {
            "model": self.model,
            "train_dataset": self.train,
            "eval_dataset": self.validation,
            "processing_class": self.tokenizer,
            "peft_config": self.adapter,
            "callbacks": self.callbacks,
        }


class FixedOrder(torch.utils.data.Sampler[int]):  # type: ignore[misc]
    """Yields row numbers as they were planned. Accelerate leaves samplers that it does not know alone."""

    def __init__(self, order: np.ndarray[Any, np.dtype[np.int64]]) -> None:
        self.order = order

    def __len__(self) -> int:
        return len(self.order)

    def __iter__(self) -> Iterator[int]:
        return iter(self.order.tolist())


class Common(HoldsMasters):
    """Mixin in front of a TRL trainer. Set `order` after construction."""

    order: np.ndarray[Any, np.dtype[np.int64]]
    first_bad_step: torch.Tensor | None = None
    before_first_step: Callable[[Any, list[Any], Any], None] | None = None

    def _get_train_sampler(self, train_dataset: Any = None) -> FixedOrder:
        return FixedOrder(self.order)

    def get_batch_samples(self, *args: Any, **kwargs: Any) -> Any:
        """The batches of one optimiser step: those of the first are looked at, with everything as it was prepared."""
        batches, items = super().get_batch_samples(*args, **kwargs)  # type: ignore[misc]
        if self.before_first_step is not None:
            check, self.before_first_step = self.before_first_step, None
            check(self, batches, items)
        return batches, items

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """TRL would write a README.md into the checkpoints."""

    def training_step(self, *args: Any, **kwargs: Any) -> Any:
        loss = super().training_step(*args, **kwargs)  # type: ignore[misc]
        self.note_loss(loss)
        return loss

    def note_loss(self, loss: torch.Tensor) -> None:
        """Remembers the first step whose loss was not finite; on the device, so that nothing waits for it."""
        step = self.state.global_step + 1  # type: ignore[attr-defined]
        if self.first_bad_step is None:
            self.first_bad_step = torch.full((), -1, device=loss.device)
        new = (self.first_bad_step < 0) & ~torch.isfinite(loss.detach())
        self.first_bad_step = torch.where(new, step, self.first_bad_step)
