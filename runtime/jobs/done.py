"""When a job counts as done.

`out/<id>/done.json` is written last. It holds the job's hash, the sha256 of each input file it read, and the fingerprints of
the jobs it read from; a job is done when all three are still what they were. So a changed recipe, a changed data file and a
repeated earlier stage each make what follows run again.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from smolc.runtime.jobs.files import write_atomically
from smolc.runtime.jobs.manifest import Entry, Manifest


def sha256_of(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def read_done(folder: Path, job_id: str) -> dict[str, Any] | None:
    """The content of `done.json`, or None if the job is not finished or the file is damaged."""
    try:
        done = json.loads((folder / "out" / job_id / "done.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return done if isinstance(done, dict) else None


def fingerprint(done: dict[str, Any]) -> str:
    """Identifies what a finished job was made from."""
    made_from = {key: done.get(key) for key in ("hash", "inputs", "needs")}
    return hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()


def is_done(folder: Path, manifest: Manifest, entry: Entry) -> bool:
    """Whether `entry` and everything before it is finished and unchanged."""
    entries = {e.id: e for e in manifest.jobs}
    done = read_done(folder, entry.id)
    if done is None or done.get("hash") != entry.hash:
        return False
    for name, seen in dict(done.get("inputs", {})).items():
        path = folder / manifest.root / name
        if not path.is_file() or path.stat().st_size != seen["bytes"] or sha256_of(path) != seen["sha256"]:
            return False
    for need in entry.needs:
        before = read_done(folder, need)
        if before is None or done.get("needs", {}).get(need) != fingerprint(before):
            return False
        if not is_done(folder, manifest, entries[need]):
            return False
    return True


def write_done(folder: Path, entry: Entry, inputs: dict[str, dict[str, Any]], seconds: float) -> None:
    needs = {}
    for need in entry.needs:
        before = read_done(folder, need)
        needs[need] = fingerprint(before) if before is not None else ""
    done = {"hash": entry.hash, "inputs": inputs, "needs": needs, "seconds": round(seconds, 3)}
    write_atomically(folder / "out" / entry.id / "done.json", json.dumps(done, indent=2, sort_keys=True) + "\n")
