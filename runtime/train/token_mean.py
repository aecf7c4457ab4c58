"""Cross entropy beside a preference loss, as a mean over the trained tokens of an optimiser step, or of all held-out rows.

TRL takes the mean over a micro batch, and the step is the mean of those: what a short answer weighs would depend on what
else fits on a device.
"""

from __future__ import annotations

from typing import Any

import torch


class TokenMean:
    """Mixin for a trainer that multiplies a micro batch's mean over tokens by `share`, which is None where it shall not."""

    share: torch.Tensor | None = None
    _each: torch.Tensor | None = None
    """Trained tokens of a micro batch, averaged over the step's on all devices."""
    _each_held_out: float | None = None
    """Trained tokens of a held-out row, averaged over all."""

    def trained(self, batch: dict[str, Any]) -> torch.Tensor | None:
        """How many tokens of a micro batch the mean is over, a scalar; None if the loss has no such mean. Each trainer says
        it for itself."""
        raise NotImplementedError

    def get_batch_samples(self, *args: Any, **kwargs: Any) -> Any:
        batches, items = super().get_batch_samples(*args, **kwargs)  # type: ignore[misc]
        counts = [count for batch in batches if (count := self.trained(batch)) is not None]
        if counts:
            each = torch.stack(counts).to(self.args.device).float().mean()  # type: ignore[attr-defined]
            self._each = self.accelerator.reduce(each, "mean")  # type: ignore[attr-defined]
        return batches, items

    def compute_loss(self, model: Any, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        count = self.trained(inputs) if model.training else None
        if count is None or self._each is None:
            return super().compute_loss(model, inputs, *args, **kwargs)  # type: ignore[misc]
        self.share = count / self._each
        try:
            return super().compute_loss(model, inputs, *args, **kwargs)  # type: ignore[misc]
        finally:
            self.share = None

    def prediction_step(self, model: Any, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """What is told of held-out rows is a mean over rows, see weighed.py."""
        count = self.trained(inputs)
        if count is not None:
            self.share = count / len(self.sides(inputs)[0]) / self._of_a_held_out_row()  # type: ignore[attr-defined]
        try:
            return super().prediction_step(model, inputs, *args, **kwargs)  # type: ignore[misc]
        finally:
            self.share = None

    def _of_a_held_out_row(self) -> float:
        if self._each_held_out is None:
            rows = self.eval_dataset  # type: ignore[attr-defined]
            counts = (self.trained(self.data_collator([row])) for row in rows)  # type: ignore[attr-defined]
            self._each_held_out = sum(float(count) for count in counts if count is not None) / len(rows)
        return self._each_held_out
