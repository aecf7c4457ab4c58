"""`python -m smolc.runtime.train.probing JOB_YAML FILE`: the measurement of probe.py, in a process of its own."""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

import torch

from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.manifest import read_job, read_manifest
from smolc.runtime.jobs.train import Ddp, TrainJob
from smolc.runtime.train import hold, layers
from smolc.runtime.train.assemble import Assembled, assemble, parameters_of, rows_of
from smolc.runtime.train.environment import prepare_environment
from smolc.runtime.train.flat import fixed_shape
from smolc.runtime.train.linear_loss import IGNORED
from smolc.runtime.train.probe import ROOM, Trial, search
from smolc.runtime.train.rows import Collator, Targets, sequences_of
from smolc.runtime.train.speed import choose

TIMED = 3
"""Micro batches over which time is taken, after one that is not."""


class Bench:
    """One device, the job's own trainer, and its optimiser's state in memory."""

    def __init__(self, context: Context, job: TrainJob) -> None:
        share = job.batch.global_sequences // job.batch.data_parallel
        alone = {"global_sequences": share, "micro": 1, "accumulation": share, "data_parallel": 1}
        self.job = job.model_copy(
            update={
                "batch": job.batch.model_copy(update=alone),
                "parallel": Ddp(type="ddp"),
                "checkpointing": 1.0,
            }
        )
        self.data = rows_of(context, self.job)
        self.parameters = parameters_of(context, job)
        self.made: Assembled = assemble(context, self.job, self.data)
        self.trainer: Any = self.made.trainer
        self.trainer.create_optimizer()
        self._pass(self._batch(1, "picked"))
        self.trainer.optimizer.step()  # makes its state
        self._clear()

    def _batch(self, micro: int, targets: Targets) -> dict[str, Any]:
        """The first rows of the run."""
        data = self.data
        _, bounds = sequences_of(data.train, self.job.method)
        order = data.order[: len(data.order) // micro * micro]
        fixed = fixed_shape(bounds[1:] - bounds[:-1], micro, self.job.length, order)
        collator = Collator(self.trainer.data_collator.pad, True, fixed, targets)
        batch = self.trainer._prepare_inputs(collator([data.train[int(i)] for i in order[:micro]]))
        return {**batch, "items": batch["targets"].ne(IGNORED).sum()}

    def _pass(self, batch: dict[str, Any]) -> None:
        self.trainer.model.train()
        self.trainer.pass_through(self.trainer.model, batch)

    def _clear(self) -> None:
        self.trainer.model.zero_grad()
        if self.trainer.masters is not None:
            self.trainer.masters.clear()

    def measure(self, micro: int, checkpointing: float) -> Trial:
        torch._dynamo.reset()  # else it would make programs for any shape, which are slower
        gc.collect()
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        layers.recompute(self.trainer.model, checkpointing)
        try:
            seconds = self._seconds(micro, checkpointing)
        except torch.OutOfMemoryError:
            self._clear()
            return Trial(micro, checkpointing, None, None)
        used = torch.cuda.max_memory_reserved()
        if used > ROOM * torch.cuda.get_device_properties(0).total_memory:
            return Trial(micro, checkpointing, None, None)
        return Trial(
            micro, checkpointing, round(micro * self.job.length / seconds, 1), round(used / 2**30, 2)
        )

    def _seconds(self, micro: int, checkpointing: float) -> float:
        """Of a micro batch, as a CUDA graph where the run would take one."""
        graph = self._graph(micro, checkpointing)
        batch = self._batch(micro, "all" if graph else "picked")
        work = self.trainer._record(self.trainer.model, batch) if graph else self._pass
        work(batch)
        torch.cuda.synchronize()
        began = time.monotonic()
        for _ in range(TIMED):
            work(batch)
        torch.cuda.synchronize()
        self._clear()
        return (time.monotonic() - began) / TIMED

    def _graph(self, micro: int, checkpointing: float) -> bool:
        new = self.job.batch.model_copy(update={"micro": micro})
        job = self.job.model_copy(update={"batch": new, "checkpointing": checkpointing})
        tokens = int(self.data.counts.tokens[self.data.order].sum())
        parameters = self.parameters
        return choose(job, on_cuda=True, flat=True, packed=True, parameters=parameters, tokens=tokens).graph


def main(argv: list[str]) -> int:
    path, file = Path(argv[0]), Path(argv[1])
    folder, name = path.parent.parent.parent, path.parent.name
    context = Context(folder, read_manifest(folder), read_job(folder, name))
    job = context.job
    assert isinstance(job, TrainJob)
    prepare_environment()
    os.environ["ACCELERATE_MIXED_PRECISION"] = hold.autocast(job)
    bench = Bench(context, job)
    trials: list[Trial] = []
    if bench.trainer.own_loss and bench.made.fixed is not None:
        for trial in islice(search(job, bench.measure), 12):
            trials.append(trial)
            file.write_text(json.dumps([asdict(t) for t in trials]), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
