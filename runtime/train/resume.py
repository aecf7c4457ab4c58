"""Continuing an interrupted run."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.done import fingerprint, read_done
from smolc.runtime.jobs.files import write_atomically

COMPLETE = "complete"
MARKER = "made_from.json"


def made_from(context: Context) -> str:
    """Identifies what a run is made of: its job with everything before it, and the outputs it reads."""
    entry = next(e for e in context.manifest.jobs if e.id == context.job.id)
    needs = {}
    for need in entry.needs:
        done = read_done(context.folder, need)
        needs[need] = fingerprint(done) if done is not None else ""
    return hashlib.sha256(json.dumps([entry.hash, needs], sort_keys=True).encode()).hexdigest()


def newest_checkpoint(checkpoints: Path, origin: str) -> Path | None:
    """The newest complete checkpoint that was made from the same things, or None."""
    try:
        marker = json.loads((checkpoints / MARKER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if marker.get("made_from") != origin:
        return None
    complete = [path for path in checkpoints.glob("checkpoint-*") if (path / COMPLETE).is_file()]
    return max(complete, key=lambda path: int(path.name.rpartition("-")[2]), default=None)


def claim(checkpoints: Path, origin: str, keep: Path | None) -> None:
    """Start `checkpoints/` afresh, or keep it to continue from `keep`. For the main process only."""
    if keep is None:
        shutil.rmtree(checkpoints, ignore_errors=True)
        write_atomically(checkpoints / MARKER, json.dumps({"made_from": origin}) + "\n")
        return
    for path in checkpoints.glob("checkpoint-*"):
        if not (path / COMPLETE).is_file():
            shutil.rmtree(path, ignore_errors=True)
