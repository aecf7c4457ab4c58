"""Forward and backward pass of a micro batch as one CUDA graph.

A small model's kernels are shorter than it takes to launch them: the GPU would wait for the processor most of the time.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

WARM_UP = 3
"""Passes before the recording, in which kernels are chosen and memory is laid out."""


class CapturedStep:
    """work: from a batch of tensors of fixed shapes to a scalar on the device; it runs the backward pass, too.

    clear: undoes what the passes before the recording left in the gradients.
    """

    def __init__(
        self, work: Callable[[dict[str, Any]], torch.Tensor], batch: dict[str, Any], clear: Callable[[], None]
    ) -> None:
        self.batch = {k: v.clone() if torch.is_tensor(v) else v for k, v in batch.items()}
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(WARM_UP):
                work(self.batch)
        torch.cuda.current_stream().wait_stream(side)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.result = work(self.batch)
        clear()

    def fits(self, batch: dict[str, Any]) -> bool:
        return self.batch.keys() == batch.keys() and all(
            value.shape == batch[name].shape if torch.is_tensor(value) else value == batch[name]
            for name, value in self.batch.items()
        )

    def __call__(self, batch: dict[str, Any]) -> torch.Tensor:
        for name, value in self.batch.items():
            if torch.is_tensor(value):
                value.copy_(batch[name], non_blocking=True)
        self.graph.replay()
        return self.result.clone()
