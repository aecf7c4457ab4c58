"""Log-probabilities of the pairs under the frozen reference model: computed once, before training, and kept.

They are in `out/.reference/<key>/`, where the key is a hash of all that they depend on: the runs of a grid share one
pass, and another reference, other rows or other libraries make a new one. Each process computes a part of the sequences
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

import datasets
import numpy as np

from smolc.runtime.data.locks import Lock
from smolc.runtime.jobs.context import Context, ModelAt
from smolc.runtime.jobs.done import fingerprint, read_done
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.train import DpoLoss, Fsdp2, TrainJob, Zero
from smolc.runtime.train.start import count_stored

Floats = np.ndarray[Any, np.dtype[np.float32]]
COLUMNS = "ref_chosen_logps", "ref_rejected_logps"
"""As TRL's collator and loss call them."""
SIDES = "chosen_ids", "rejected_ids"
ROOM = 0.8
"""Of a device's memory that the weights of the reference may take, where training shards them."""


def kept(rows: Any) -> bool:
    return COLUMNS[0] in rows.column_names


def quantized(job: TrainJob) -> bool:
    """What an adapter is trained beside is its reference, 4 bits and all."""
    assert isinstance(job.loss, DpoLoss)
    return job.adapter.type == "qlora" and job.loss.reference == job.init


def why_not(context: Context, job: TrainJob, *, on_cuda: bool) -> str | None:
    """Why the reference is computed beside each step; None if its log-probabilities are kept."""
    if not isinstance(job.loss, DpoLoss):
        # KTO's mismatched answers are those of the micro batch.
        return "this loss has no fixed pairs"
    sharded = isinstance(job.parallel, Fsdp2) or (isinstance(job.parallel, Zero) and job.parallel.stage == 3)
    if not (on_cuda and sharded):
        return None
    import torch

    said = context.result_of(job.loss.reference).get("parameters")
    folder = Path(context.model_of(job.loss.reference).source)
    parameters = said if isinstance(said, int) else count_stored(folder) if folder.is_dir() else 0
    memory = torch.cuda.get_device_properties(int(os.environ.get("LOCAL_RANK", "0"))).total_memory
    if parameters * (4 if job.precision == "fp32" else 2) > ROOM * memory:
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
    """The rows with the columns `COLUMNS`, of a file or of a pass that is made now; unchanged where they are not kept. All
    processes call it, before they form a group. Raises JobError."""
    why = why_not(context, job, on_cuda=on_cuda)
    if why is not None:
        if isinstance(job.loss, DpoLoss) and os.environ.get("RANK", "0") == "0":
            print(f"reference: computed in every step: {why}", flush=True)
        return train, validation
    splits = [rows for rows in (train, validation) if rows is not None]
    key = key_of(context, job, splits, attention, "cuda" if on_cuda else "cpu")
    store = Store(
        context.folder / "out" / ".reference" / key,
        2 * sum(len(rows) for rows in splits),
        int(os.environ.get("RANK", "0")),
        int(os.environ.get("WORLD_SIZE", "1")),
    )

    def compute(numbers: Any) -> Floats:
        from smolc.runtime.train.reference_pass import scored

        return scored(context, job, splits, numbers, attention, flat=flat, on_cuda=on_cuda)

    scores = store.take(compute, by_length(splits)).reshape(-1, 2)
    done, out = 0, []
    for rows in splits:
        mine, done = scores[done : done + len(rows)], done + len(rows)
        for i, name in enumerate(COLUMNS):
            rows = rows.add_column(name, np.ascontiguousarray(mine[:, i]))
        out.append(rows)
    return out[0], out[1] if validation is not None else None


def by_length(splits: list[Any]) -> Any:
    """Numbers of all sequences, longest first. The sequences of row r are 2r (chosen) and 2r + 1 (rejected)."""
    from smolc.runtime.train.rows import sequences_of

    lengths = np.concatenate([sequences_of(rows, "dpo")[0] for rows in splits])
    return np.argsort(-lengths, kind="stable")


def key_of(context: Context, job: TrainJob, splits: list[Any], attention: str, device: str) -> str:
    """Of all that the numbers depend on. Not of the kind of GPU: processes have to agree on it."""
    assert isinstance(job.loss, DpoLoss)
    made = read_done(context.folder, job.loss.reference)
    entry = next(e for e in context.manifest.jobs if e.id == job.id)
    at = context.model_of(job.loss.reference)
    body = {
        "rows": [_content(rows) for rows in splits],
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
    if job.loss.ld_alpha is not None:
        body["ld_alpha"] = job.loss.ld_alpha
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:32]


def _content(rows: datasets.Dataset) -> str:
    digest = hashlib.sha256()
    for name in ("prompt_ids", *SIDES):
        for chunk in rows.data.column(name).chunks:
            digest.update(np.diff(chunk.offsets.to_numpy()).astype(np.int64).tobytes())
            digest.update(chunk.flatten().to_numpy().astype(np.int64).tobytes())
        digest.update(name.encode())
    return digest.hexdigest()


def _weights(at: ModelAt) -> list[Any]:
    """Of a model in a folder, whose path may differ between nodes, its files: name, size and time. Two runs of one stage
    are not bit for bit the same, so what the stage was made from does not tell its weights."""
    folder = Path(at.source)
    if not folder.is_dir():
        return [at.source, at.revision]
    found = sorted(p for p in folder.iterdir() if p.suffix in (".safetensors", ".json"))
    return [[p.name, p.stat().st_size, p.stat().st_mtime_ns] for p in found]


class Store:
    """The numbers of one key, one for each of `count` sequences, as one of several processes sees them."""

    def __init__(self, folder: Path, count: int, rank: int = 0, processes: int = 1) -> None:
        self.folder = folder
        self.whole = folder / "logps"
        self.count = count
        self.rank = rank
        self.processes = processes

    def take(self, compute: Callable[[Any], Floats], order: Any) -> Floats:
        """compute: from the numbers of some sequences to their log-probabilities. order: all numbers, by length."""
        rank, processes = self.rank, self.processes
        found = read(self.whole, self.count)
        if found is not None:
            if rank == 0:
                print(f"reference: log-probabilities of {self.count // 2:,} pairs were kept", flush=True)
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
        if json.loads(head) == {"sequences": count, "sha256": hashlib.sha256(body).hexdigest()}:
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
    head = json.dumps({"sequences": len(values), "sha256": hashlib.sha256(body).hexdigest()})
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(head.encode() + b"\n" + body)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
