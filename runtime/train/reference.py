"""Log-probabilities of answers under the frozen reference model: computed once, before training, and kept.

They are in `out/.reference/<key>/`, where the key is a hash of all that they depend on: the runs of a grid share one
pass, and another reference, other rows or other libraries make a new one. Each process computes a part of the answers
and writes it down; the first one puts the parts together. What a part holds is settled by its name, so whoever finds one,
of this run or of another, may take it. Files are whole or not there, and say their own checksum.

All of it comes before the process group: a whole copy is loaded on each device, alone, whatever is sharded later.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from smolc.runtime.data.locks import Lock
from smolc.runtime.jobs.context import Context, ModelAt
from smolc.runtime.jobs.done import fingerprint, read_done
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.train import DpoLoss, Fsdp2, KtoLoss, TrainJob, Zero
from smolc.runtime.train.answers import Answers, Floats, ld_alpha_of, sides_of
from smolc.runtime.train.start import count_stored

ROOM = 0.8
"""Of a device's memory that the weights of the reference may take, where training shards them."""


def kept(job: TrainJob, rows: Any) -> bool:
    sides = sides_of(job.loss)
    return sides is not None and sides.kept[0] in rows.column_names


def quantized(job: TrainJob) -> bool:
    """What an adapter is trained beside is its reference, 4 bits and all."""
    assert isinstance(job.loss, (DpoLoss, KtoLoss))
    return job.adapter.type == "qlora" and job.loss.reference == job.init


def why_not(context: Context, job: TrainJob, *, on_cuda: bool) -> str | None:
    """Why the reference is computed beside each step; None if its log-probabilities are kept."""
    assert isinstance(job.loss, (DpoLoss, KtoLoss))
    sharded = isinstance(job.parallel, Fsdp2) or (isinstance(job.parallel, Zero) and job.parallel.stage == 3)
    if not (on_cuda and sharded):
        return None
    import torch

    said = context.result_of(job.loss.reference).get("parameters")
    folder = Path(context.model_of(job.loss.reference).source)
    parameters = said if isinstance(said, int) else count_stored(folder) if folder.is_dir() else 0
    memory = torch.cuda.get_device_properties(int(os.environ.get("LOCAL_RANK", "0"))).total_memory
    each = 0.5 if quantized(job) else 4 if job.precision == "fp32" else 2
    if parameters * each > ROOM * memory:
        return "the reference model does not fit on one device"
    return None


def with_reference(
    context: Context,
    job: TrainJob,
    train: Any,
    validation: Any | None,
    attention: str,
    *,
    flat: bool,
    on_cuda: bool,
) -> tuple[Any, Any | None]:
    """The rows with what their loss reads of the reference, of a file or of a pass that is made now; unchanged where that
    is not kept. All processes call it, before they form a group. Raises JobError."""
    sides = sides_of(job.loss)
    if sides is None:
        return train, validation
    rank = int(os.environ.get("RANK", "0"))
    why = why_not(context, job, on_cuda=on_cuda)
    if why is not None:
        if rank == 0:
            print(f"reference: computed in every step: {why}", flush=True)
        return train, validation
    splits = [rows for rows in (train, validation) if rows is not None]
    answers = Answers(splits, sides, by_shorter=ld_alpha_of(job.loss) is not None)
    key = key_of(context, job, answers, attention, "cuda" if on_cuda else "cpu")
    place = context.folder / "out" / ".reference" / key
    store = Store(place, len(answers), rank, int(os.environ.get("WORLD_SIZE", "1")))

    def compute(numbers: Any) -> Floats:
        from smolc.runtime.train.reference_pass import scored

        return scored(context, job, answers, numbers, attention, flat=flat, on_cuda=on_cuda)

    train, *rest = answers.with_kept(store.take(compute, answers.by_length()))
    return train, rest[0] if rest else None


def key_of(context: Context, job: TrainJob, answers: Answers, attention: str, device: str) -> str:
    """Of all that the numbers depend on. Not of the kind of GPU: processes have to agree on it."""
    assert isinstance(job.loss, (DpoLoss, KtoLoss))
    made = read_done(context.folder, job.loss.reference)
    entry = next(e for e in context.manifest.jobs if e.id == job.id)
    at = context.model_of(job.loss.reference)
    body = {
        "answers": answers.digest(),
        "reference": fingerprint(made, entry) if made is not None else "",
        "weights": _weights(at),
        "computed": ["fp16" if job.precision == "fp16" else "fp32" if job.precision == "fp32" else "bf16"],
        # Under fp16 autocast, which weights are in which numbers depends on these.
        "held": [job.adapter.type != "full", job.parallel.type == "fsdp2"] if job.precision == "fp16" else [],
        "quantized": quantized(job),
        "attention": attention,
        "length": job.length,
        "device": device,
        "versions": [version(name) for name in ("torch", "transformers", "trl")],
    }
    if (ld_alpha := ld_alpha_of(job.loss)) is not None:
        body["ld_alpha"] = ld_alpha
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:32]


def _weights(at: ModelAt) -> list[Any]:
    """Of a model in a folder, whose path may differ between nodes, its files: name, size and time. Two runs of one stage
    are not bit for bit the same, so what the stage was made from does not tell its weights."""
    folder = Path(at.source)
    if not folder.is_dir():
        return [at.source, at.revision]
    found = sorted(p for p in folder.iterdir() if p.suffix in (".safetensors", ".json"))
    return [[p.name, p.stat().st_size, p.stat().st_mtime_ns] for p in found]


class Store:
    """The numbers of one key, one for each of `count` answers, as one of several processes sees them."""

    def __init__(self, folder: Path, count: int, rank: int = 0, processes: int = 1) -> None:
        self.folder = folder
        self.whole = folder / "logps"
        self.count = count
        self.rank = rank
        self.processes = processes

    def take(self, compute: Callable[[Any], Floats], order: Any) -> Floats:
        """compute: from the numbers of some answers to their log-probabilities. order: all numbers, by length."""
        rank, processes = self.rank, self.processes
        found = read(self.whole, self.count)
        if found is not None:
            if rank == 0:
                print(f"reference: log-probabilities of {self.count:,} answers were kept", flush=True)
            return found
        self.folder.mkdir(parents=True, exist_ok=True)
        names = [self.folder / f"part-{r}-of-{processes}" for r in range(processes)]
        mine = order[rank::processes]
        with Lock(names[rank]) as lock:
            lock.alone()
            # Another job may have made it meanwhile.
            if read(self.whole, self.count) is None and read(names[rank], len(mine)) is None:
                write(names[rank], compute(mine))
        while (found := read(self.whole, self.count)) is None:
            if rank == 0:
                self._join(names, order)
            else:
                time.sleep(0.2)
        return found

    def _join(self, names: list[Path], order: Any) -> None:
        parts = [read(p, len(order[r :: len(names)])) for r, p in enumerate(names)]
        if any(part is None for part in parts):
            time.sleep(0.2)
            return
        whole = np.empty(self.count, dtype=np.float32)
        for r, part in enumerate(parts):
            whole[order[r :: len(names)]] = part
        write(self.whole, whole)
        # What another job is about to write has another name, and is left.
        for left in (*self.folder.glob("part-*"), *self.folder.glob(".part-*.lock")):
            left.unlink(missing_ok=True)


def read(path: Path, count: int) -> Floats | None:
    """None if it is not there, or not as it was written."""
    with suppress(OSError, ValueError, AttributeError):
        head, _, body = path.read_bytes().partition(b"\n")
        if json.loads(head) == {"answers": count, "sha256": hashlib.sha256(body).hexdigest()}:
            return np.frombuffer(body, dtype="<f4").astype(np.float32)
    return None


def write(path: Path, values: Floats) -> None:
    """Raises JobError for what is no number; else one line that tells the rest, and float32 after it."""
    broken = int((~np.isfinite(values)).sum())
    if broken:
        raise JobError(
            f"the reference model gives {broken:,} of {len(values):,} answers a log-probability that is no number",
            help="look at its training, or write precision = bf16",
        )
    body = values.astype("<f4").tobytes()
    head = json.dumps({"answers": len(values), "sha256": hashlib.sha256(body).hexdigest()})
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(head.encode() + b"\n" + body)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
