"""Mixed into all trainers: fp32 masters where the model computes in bf16."""

from __future__ import annotations

from typing import Any, Literal

import torch

from smolc.runtime.jobs.train import Fsdp2, TrainJob, Zero
from smolc.runtime.train.masters import Masters


def holds_masters(job: TrainJob) -> bool:
    """Whether the run keeps fp32 masters itself. ZeRO and FSDP2 have their own."""
    sharded = isinstance(job.parallel, Zero) or (isinstance(job.parallel, Fsdp2) and job.processes > 1)
    return job.precision == "bf16" and not sharded


def autocast(job: TrainJob) -> Literal["no", "bf16", "fp16"]:
    """accelerate's mixed precision. For bf16 nothing is cast while a layer runs: its weights are in bf16 by then, be it by
    our masters, by FSDP2's policy or by DeepSpeed, which goes by this word."""
    if job.precision == "fp16":
        return "fp16"
    return "bf16" if job.precision == "bf16" and isinstance(job.parallel, Zero) else "no"


def shard_in_bf16(job: TrainJob, accelerator: Any) -> None:
    """Weights are gathered in bf16; gradients are summed over devices and micro steps in fp32.

    accelerate would sum them in bf16, and cast the loss to it.
    """
    # Where accelerate quietly built something else, faithful/ says so.
    plugin = getattr(accelerator.state, "fsdp_plugin", None)
    if job.precision == "bf16" and plugin is not None:
        from torch.distributed.fsdp import MixedPrecisionPolicy

        plugin.mixed_precision_policy = MixedPrecisionPolicy(
            param_dtype=torch.bfloat16, reduce_dtype=torch.float32
        )


@torch.no_grad()  # type: ignore[untyped-decorator]
def clip(optimizer: Any, weights: list[torch.nn.Parameter], most: float) -> torch.Tensor:
    """Scale gradients down to a norm of at most `most`. Returns the norm before, on the device.

    A fused optimiser divides by a number as it reads them, which is there for loss scaling; no pass over all of them.
    """
    while hasattr(optimizer, "optimizer"):
        optimizer = optimizer.optimizer
    if not optimizer.defaults.get("fused"):
        return torch.nn.utils.clip_grad_norm_(weights, most)
    norm = torch.nn.utils.get_total_norm([w.grad for w in weights if w.grad is not None]).float()
    optimizer.grad_scale = ((norm + 1e-6) / most).clamp(min=1.0)
    optimizer.found_inf = torch.zeros_like(norm)
    return norm


class HoldsMasters:
    """`hold_masters` after construction, before training."""

    masters: Masters | None = None
    records = False
    model: Any
    optimizer: Any
    accelerator: Any

    def hold_masters(self) -> None:
        self.masters = Masters(self.model, lambda: bool(self.accelerator.sync_gradients))
        # The masters do what DDP would do.
        self.model._is_accelerate_prepared = True

    def create_optimizer(self, *args: Any, **kwargs: Any) -> Any:
        new = self.optimizer is None
        optimizer = super().create_optimizer(*args, **kwargs)  # type: ignore[misc]
        if new and self.masters is not None:
            self.masters.drive(optimizer)
        return optimizer

    def _clip_grad_norm(self, model: Any) -> Any:
        most = self.args.max_grad_norm  # type: ignore[attr-defined]
        if self.masters is not None:
            self.masters.finish()
            return clip(self.optimizer, self.masters.weights, most)
        whole = str(self.accelerator.distributed_type.value) in ("NO", "MULTI_GPU", "MULTI_CPU")
        if whole and self.accelerator.scaler is None:
            return clip(self.optimizer, list(model.parameters()), most)
        return super()._clip_grad_norm(model)  # type: ignore[misc]

    def _get_grad_norm(self, model: Any, grad_norm: Any = None) -> Any:
        if self.masters is None or grad_norm is not None:
            return super()._get_grad_norm(model, grad_norm=grad_norm)  # type: ignore[misc]
        self.masters.finish()
        return torch.nn.utils.get_total_norm([w.grad for w in self.masters.weights if w.grad is not None])

    def floating_point_ops(self, inputs: Any) -> int:
        """transformers goes through all parameters for it in each micro step; we count from the rows."""
        return 0
