"""fp32 master weights of a model that computes in bf16, their gradients summed in fp32, and devices that share them.

As ZeRO and FSDP2 have it: forward and backward passes see bf16 weights, and no update is rounded away. One process and
DDP do the same here, so that a recipe means the same mathematics however it is spread. torch's own DDP would sum the
micro batches of a step in bf16.

The optimiser is the library's own, over the masters; what has to happen around its step is hooked to it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist

BUCKET = 64 * 2**20
"""Gradients that are sent together, in numbers."""


class Bucket:
    """Gradients of some neighbouring parameters in one buffer. pending: those that this backward pass still owes."""

    def __init__(self, parameters: list[torch.nn.Parameter]) -> None:
        size = sum(p.numel() for p in parameters)
        self.flat = torch.zeros(size, dtype=torch.float32, device=parameters[0].device)
        self.count = self.pending = len(parameters)
        self.work: Any = None


class Masters:
    """Of all trained parameters of `model`, which holds them in bf16 from now on; equal on all devices.

    syncs: whether the current micro step is the last one of its optimiser step.
    """

    def __init__(self, model: torch.nn.Module, syncs: Callable[[], bool]) -> None:
        self.syncs = syncs
        self.spread = dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1
        # NCCL averages while it sends; gloo cannot.
        self.averages = self.spread and dist.get_backend() == "nccl"
        self.overlapped = self.overwrites = True
        self.held = [p for p in model.parameters() if p.requires_grad]
        self.weights = [torch.nn.Parameter(p.detach().clone().float()) for p in self.held]
        self.buckets: list[Bucket] = []
        self._finished = False
        self._home: dict[int, tuple[Bucket, torch.Tensor]] = {}
        self._untouched: set[int] = set()
        with torch.no_grad():
            for weight in self.weights if self.spread else ():
                dist.broadcast(weight, 0)
            for held, weight in zip(self.held, self.weights, strict=True):
                held.data = weight.to(torch.bfloat16)
        self._fill_buckets()
        self.clear()
        for held in self.held:
            held.register_post_accumulate_grad_hook(self._take)

    def _fill_buckets(self) -> None:
        """The last layers' gradients come first."""
        taken: list[tuple[torch.nn.Parameter, torch.nn.Parameter]] = []
        size = 0
        pairs = list(zip(self.held, self.weights, strict=True))[::-1]
        for index, pair in enumerate(pairs):
            taken.append(pair)
            size += pair[1].numel()
            if size < BUCKET and index < len(pairs) - 1:
                continue
            bucket = Bucket([weight for _, weight in taken])
            at = 0
            for held, weight in taken:
                view = bucket.flat[at : at + weight.numel()].view_as(weight)
                weight.grad = view
                self._home[id(held)] = (bucket, view)
                at += weight.numel()
            self.buckets.append(bucket)
            taken, size = [], 0

    def _take(self, held: torch.Tensor) -> None:
        """Called in the backward pass once a gradient is there."""
        bucket, view = self._home[id(held)]
        assert held.grad is not None
        if self.overwrites and id(held) in self._untouched:
            view.copy_(held.grad)
        else:
            view.add_(held.grad)
        self._untouched.discard(id(held))
        held.grad = None
        self._finished = False
        if self.spread and self.overlapped and self.syncs():
            bucket.pending -= 1
            if bucket.pending == 0:
                self._send(bucket)

    def _send(self, bucket: Bucket) -> None:
        how = dist.ReduceOp.AVG if self.averages else dist.ReduceOp.SUM
        bucket.work = dist.all_reduce(bucket.flat, how, async_op=True)

    def record(self) -> None:
        """From now on passes may be replayed: they add to gradients that begin at zero, and nothing is sent in them."""
        self.overlapped = self.overwrites = False
        self.clear()

    def finish(self) -> None:
        """Wait until the gradients are the mean over all devices; before anything reads them. Again is for free."""
        if self._finished:
            return
        for name in self._untouched:
            self._home[name][1].zero_()
        self._finished = True
        if not self.spread:
            return
        for bucket in self.buckets:
            if bucket.work is None:
                self._send(bucket)
        for bucket in self.buckets:
            bucket.work.wait()
            if not self.averages:
                bucket.flat.div_(dist.get_world_size())
            bucket.work, bucket.pending = None, bucket.count

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def publish(self) -> None:
        """What the optimiser changed goes into the model, and the gradients start anew."""
        torch._foreach_copy_(list(self.held), list(self.weights))
        self.clear()

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def clear(self) -> None:
        """What is overwritten next need not be emptied."""
        self._finished = False
        self._untouched = set(self._home) if self.overwrites else set()
        for bucket in () if self.overwrites else self.buckets:
            bucket.flat.zero_()

    def drive(self, optimizer: torch.optim.Optimizer) -> None:
        """Make an optimiser over the model's parameters, that has not begun, one over the masters.

        Its state holds them, so that a run continues where it was to the last bit.
        """
        master = dict(zip(map(id, self.held), self.weights, strict=True))
        for group in optimizer.param_groups:
            group["params"] = [master[id(p)] for p in group["params"]]
        optimizer.register_step_pre_hook(lambda *_: self.finish())
        optimizer.register_step_post_hook(lambda *_: self.publish())
        optimizer.register_state_dict_post_hook(self._save)
        optimizer.register_load_state_dict_pre_hook(self._load)

    def _save(self, _: torch.optim.Optimizer, state: dict[str, Any]) -> None:
        state["masters"] = [weight.detach() for weight in self.weights]

    @torch.no_grad()  # type: ignore[untyped-decorator]
    def _load(self, _: torch.optim.Optimizer, state: dict[str, Any]) -> dict[str, Any]:
        torch._foreach_copy_(list(self.weights), [w.to(self.weights[0].device) for w in state["masters"]])
        self.publish()
        return {key: value for key, value in state.items() if key != "masters"}
