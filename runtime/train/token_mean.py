"""Cross entropy beside a preference loss, as a mean over the trained tokens of the whole optimiser step.

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
        if count is not None and self._each is not None:
            self.share = count / self._each
        try:
            return super().compute_loss(model, inputs, *args, **kwargs)  # type: ignore[misc]
        finally:
            self.share = None
