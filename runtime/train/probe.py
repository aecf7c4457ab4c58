"""`micro_batch = auto` and `checkpointing = auto`: a short measurement on the GPU that the run is for.

The global batch is what the recipe says, however it is divided, so no choice changes the mathematics. What was measured
is kept in `out/.probes/` under all that it depends on: the runs of a grid share it, and a restarted run goes on as it was.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.files import write_atomically
from smolc.runtime.jobs.train import Fsdp2, TrainJob, Zero
from smolc.runtime.train.continued import bound
from smolc.runtime.train.footprint import shape_at
from smolc.runtime.train.reckon import MOST_TOKENS, reckoned
from smolc.runtime.train.speed import seconds_of

if TYPE_CHECKING:
    from smolc.runtime.train.assemble import Rows

PAYS_FROM = 300.0
"""Seconds of training below which the planned division is taken."""
SHARES = (0.0, 0.5, 1.0)
"""Of the layers that are recomputed, in the order in which they cost more time and less memory."""
ROOM = 0.93
"""Of the device's memory that a choice may take: other lengths and the network need some."""
GAIN = 1.01
"""By how much a larger micro batch has to be faster for a still larger one to be tried."""
PATIENCE = 1800.0
APART = {
    "id", "title", "needs", "init", "data", "seed", "duration", "schedule", "log_every", "evaluate_every", "save_every",
    "keep", "diverged", "part",
}  # fmt: skip
"""What neither time nor memory of a step depends on; of the optimiser, its numbers."""


@dataclass(frozen=True)
class Trial:
    """A division tried: micro batch in rows, share of the layers recomputed, tokens a second and peak memory in GiB on
    one device; None for both if it did not fit."""

    micro: int
    checkpointing: float
    rate: float | None
    gib: float | None


def why_not(job: TrainJob, *, on_cuda: bool, parameters: int, tokens: int) -> str | None:
    """Why nothing is measured; None if something is. tokens: of the whole run."""
    if not (job.probe.micro or job.probe.checkpointing):
        return "the recipe says how"
    if not on_cuda:
        return "there is no GPU"
    if job.method not in ("cpt", "sft") or job.packing == "none":
        return "rows differ in length"
    if isinstance(job.parallel, (Fsdp2, Zero)) and job.processes > 1:
        return "weights are sharded"
    if seconds_of(parameters, tokens / job.batch.data_parallel) < PAYS_FROM:
        return "the run is short"
    return None


def divided(job: TrainJob, trial: Trial) -> TrainJob:
    """The job with another division of the same batch."""
    batch = job.batch
    accumulation = batch.global_sequences // batch.data_parallel // trial.micro
    new = batch.model_copy(update={"micro": trial.micro, "accumulation": accumulation})
    return job.model_copy(update={"batch": new, "checkpointing": trial.checkpointing})


def search(job: TrainJob, measure: Callable[[int, float], Trial]) -> Iterator[Trial]:
    """Small divisions first; layers are recomputed only for what does not fit otherwise."""
    share = job.batch.global_sequences // job.batch.data_parallel
    micros = [job.batch.micro]
    if job.probe.micro:
        most = max(1, MOST_TOKENS // job.length)
        micros = [n for n in range(1, min(share, most) + 1) if share % n == 0]
    largest = 0
    for checkpointing in SHARES if job.probe.checkpointing else (job.checkpointing,):
        before = 0.0
        for micro in (n for n in micros if n > largest):
            trial = measure(micro, checkpointing)
            yield trial
            if trial.rate is None:
                break
            largest = micro
            if trial.rate < before * GAIN:
                return
            before = trial.rate


def best(trials: list[Trial]) -> Trial | None:
    """The fastest that fits."""
    return max((t for t in trials if t.rate is not None), key=lambda t: t.rate or 0.0, default=None)


def key_of(job: TrainJob, device: str) -> str:
    body = job.model_dump(mode="json", exclude=APART)
    body["optimizer"] = body["optimizer"]["type"]
    versions = [version(name) for name in ("torch", "transformers", "trl")]
    return hashlib.sha256(json.dumps([body, device, versions], sort_keys=True).encode()).hexdigest()[:32]


def tuned(context: Context, job: TrainJob, data: Rows) -> tuple[TrainJob, list[Trial]]:
    """The job as it will run, and what was measured; as planned if nothing was, or nothing fitted. All processes call it,
    before they form a group; the first one measures."""
    from smolc.runtime.train.assemble import on_cuda, parameters_of

    if not (job.probe.micro or job.probe.checkpointing) or not on_cuda(job):
        return job, []
    import torch

    from smolc.runtime.train.model import load_config
    from smolc.runtime.train.rows import sequences_of

    tokens = int(data.counts.tokens[data.order].sum())
    parameters = parameters_of(context, job)
    device = torch.cuda.get_device_properties(int(os.environ.get("LOCAL_RANK", "0")))
    if why_not(job, on_cuda=True, parameters=parameters, tokens=tokens) is not None:
        start = context.model_of(job.init)
        fixed = bound(job, load_config(start, job)) is not None
        lengths, _ = sequences_of(data.train, job.method)
        shape = shape_at(context, job)
        return reckoned(job, shape, device.total_memory, lengths, len(data.train), bound=fixed), []
    key = key_of(job, f"{device.name} {device.total_memory >> 30} {parameters}")
    file = context.folder / "out" / ".probes" / f"{key}.json"
    if not file.is_file() and os.environ.get("RANK", "0") == "0":
        print("measuring which micro batch is the fastest", flush=True)
        _measured_elsewhere(context, file)
    until = time.monotonic() + PATIENCE
    while not file.is_file() and time.monotonic() < until:
        time.sleep(0.5)
    trials = _read(file)
    chosen = best(trials)
    return (job if chosen is None else divided(job, chosen)), trials


def _read(file: Path) -> list[Trial]:
    try:
        return [Trial(**trial) for trial in json.loads(file.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError):
        return []


def _measured_elsewhere(context: Context, file: Path) -> None:
    """In a process of its own, whose memory is free again afterwards. What it found by then counts if it fails."""
    alone = (
        "RANK",
        "LOCAL_RANK",
        "WORLD_SIZE",
        "LOCAL_WORLD_SIZE",
        "GROUP_RANK",
        "MASTER_ADDR",
        "MASTER_PORT",
    )
    env = {
        name: value
        for name, value in os.environ.items()
        if name not in alone and not name.startswith(("ACCELERATE_", "TORCHELASTIC_", "FSDP_"))
    }
    job = context.folder / "jobs" / context.job.id / "job.yaml"
    part = file.with_suffix(".part")
    part.parent.mkdir(parents=True, exist_ok=True)
    part.unlink(missing_ok=True)
    command = [sys.executable, "-m", "smolc.runtime.train.probing", str(job), str(part)]
    done = subprocess.run(command, env=env, check=False, timeout=PATIENCE)
    trials = _read(part)
    part.unlink(missing_ok=True)
    if done.returncode != 0:
        print(f"the measurement ended with {done.returncode}; what it found before counts", flush=True)
    write_atomically(file, json.dumps([asdict(trial) for trial in trials], indent=1) + "\n")


def table(trials: list[Trial], chosen: TrainJob) -> str:
    """For the job's log."""
    lines = ["micro batch  layers recomputed  tokens/s   GiB"]
    for t in trials:
        said = "does not fit" if t.rate is None else f"{t.rate:8,.0f}  {t.gib:5.1f}"
        taken = (
            "  <-- taken" if (t.micro, t.checkpointing) == (chosen.batch.micro, chosen.checkpointing) else ""
        )
        lines.append(f"{t.micro:11}  {t.checkpointing:17.0%}  {said}{taken}")
    return "\n".join(lines)


def told(trials: list[Trial]) -> list[dict[str, Any]]:
    """For result.json."""
    return [asdict(trial) for trial in trials]
