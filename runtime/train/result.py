"""`result.json` of a training run."""

from __future__ import annotations

import resource
import sys
from typing import Any

from smolc.runtime.jobs.train import TrainJob
from smolc.runtime.train.assemble import Assembled
from smolc.runtime.train.faithful.check import Check
from smolc.runtime.train.model import saved_dtype
from smolc.runtime.train.probe import Trial, told


def peak_memory_gib(accelerator: Any) -> float:
    """Of this process: allocated GPU memory, or on a CPU the resident set."""
    if accelerator.device.type == "cuda":
        import torch

        return float(torch.cuda.max_memory_allocated()) / 2**30
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30


def result_of(
    job: TrainJob, made: Assembled, sizes: tuple[int, int], check: Check, trials: list[Trial]
) -> dict[str, Any]:
    """rung: where a part of a run ends that is not its last. Tokens are non-padding ones of the whole run; seconds and
    tokens per second, of its last start. sizes: all parameters and the trained ones.

    balance: the work of the busiest device over the mean, with rows as drawn and as trained, and the busiest's work as
    trained over that as drawn.
    """
    watch, accelerator, loads = made.watcher, made.trainer.accelerator, made.loads
    seconds = watch.ended - watch.began
    steps, whole = watch.last, watch.last == watch.length.steps
    seen = watch.tokens_after[steps] - watch.tokens_after[watch.begin_step]
    return {
        "model": {"out": f"{job.id}/model"} if whole else None,
        "rung": None if whole else {"step": steps, "of": watch.length.steps},
        "train_loss": watch.loss,
        "first_loss": watch.first_loss,
        "eval_loss": watch.eval_loss,
        "steps": steps,
        "epochs": round(watch.length.epochs * steps / watch.length.steps, 4),
        "epochs_asked": job.duration.epochs,
        "tokens": watch.tokens_after[steps],
        "trained_tokens": watch.trained_after[steps],
        "seconds": round(seconds, 3),
        "tokens_per_second": round(seen / seconds, 1) if seconds > 0 else None,
        "peak_memory_gib": round(peak_memory_gib(accelerator), 3),
        "resumed_from_step": watch.begin_step or None,
        "world_size": accelerator.num_processes,
        "distributed": check.spread(),
        "faithful": check.result(),
        "balance": {
            "drawn": round(loads[0][0] / loads[0][1], 4),
            "trained": round(loads[1][0] / loads[1][1], 4),
            "busiest": round(loads[1][0] / loads[0][0], 4),
        },
        "attention": made.attention.kind,
        "attention_why": made.attention.why,
        "kernels": made.speed.kernels,
        "graph": made.trainer.records,
        "batch": job.batch.model_dump(mode="json"),
        "checkpointing": job.checkpointing,
        "probe": told(trials),
        "dtype": str(saved_dtype(job)).removeprefix("torch."),
        "adapter": job.adapter.model_dump(mode="json"),
        "parameters": sizes[0],
        "trainable_parameters": sizes[1],
    }
