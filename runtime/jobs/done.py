"""When a job counts as done.

`out/<id>/done.json` is written last. It holds the job's hash (of one edited by hand: that of what was read), the sha256
of each input file it read (and the names that each pattern of files stood for), and the fingerprints of the jobs it read
from; a job is done when all three are still what they were. So a changed recipe, a changed, new or vanished data file and
a repeated earlier stage each make what follows run again. It also lists what the job left for others: see left.py.

A job that only decides (the pick of a grid) says in `tells` what others take from it: when it decides anew and comes to
the same, they stay done."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from smolc.runtime.jobs.files import write_atomically
from smolc.runtime.jobs.left import left_by, loss
from smolc.runtime.jobs.manifest import Entry, Manifest
from smolc.runtime.jobs.patterns import matching


def sha256_of(path: Path, tell: Callable[[int], None] = lambda _: None) -> str:
    """Of a file of any size, read in pieces. `tell` is given the number of bytes of each."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
            tell(len(chunk))
    return digest.hexdigest()


def read_done(folder: Path, job_id: str) -> dict[str, Any] | None:
    """The content of `done.json`, or None if the job is not finished or the file is damaged."""
    try:
        done = json.loads((folder / "out" / job_id / "done.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return done if isinstance(done, dict) else None


EVERYONE = "*"
"""The key of `tells` for jobs that have none of their own."""


def fingerprint(done: dict[str, Any], reader: Entry) -> str:
    """Identifies what the job `reader` takes from a finished job: what that was made from, or what it decided (a report
    shows how, too). When a file was changed last is no part of it."""
    tells = done.get("tells")
    if reader.kind != "report" and isinstance(tells, dict) and (reader.id in tells or EVERYONE in tells):
        return hashlib.sha256(json.dumps(tells.get(reader.id, tells.get(EVERYONE))).encode()).hexdigest()
    made_from = {key: done.get(key) for key in ("hash", "inputs", "needs")}
    if isinstance(made_from["inputs"], dict):
        made_from["inputs"] = {name: _content(seen) for name, seen in made_from["inputs"].items()}
    return hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()


def _content(seen: Any) -> Any:
    return {key: value for key, value in seen.items() if key != "changed"} if isinstance(seen, dict) else seen


def done_jobs(
    folder: Path,
    manifest: Manifest,
    only: frozenset[str] | None = None,
    held: frozenset[str] = frozenset(),
) -> frozenset[str]:
    """Ids of the jobs that are finished and unchanged, and everything before them too. What they left may be gone.

    One pass in the manifest's running order; each input file is hashed once. `only`: look at these and what
    they need. held: not to be run now; what was made without them, as they are, is done."""
    wanted = None if only is None else with_needs(manifest, only)
    hashes: dict[Path, str] = {}
    finished: dict[str, dict[str, Any]] = {}
    for entry in manifest.jobs:
        if wanted is not None and entry.id not in wanted:
            continue
        done = read_done(folder, entry.id)
        if done is None or done.get("hash") != entry.hash:
            continue
        needs, inputs = done.get("needs"), done.get("inputs")
        if not isinstance(needs, dict) or not isinstance(inputs, dict):
            continue
        if any(needs.get(n) != _made_of(folder, n, entry, finished, held) for n in entry.needs):
            continue
        if all(_unchanged(folder / manifest.root, name, seen, hashes) for name, seen in inputs.items()):
            finished[entry.id] = done
    return frozenset(finished)


def _made_of(
    folder: Path, need: str, reader: Entry, finished: dict[str, dict[str, Any]], held: frozenset[str]
) -> str | None:
    """What `write_done` would note of a need; None if it has to be made first."""
    done = finished.get(need)
    if done is None and need in held:
        done = read_done(folder, need)
        return fingerprint(done, reader) if done is not None else ""
    return fingerprint(done, reader) if done is not None else None


def with_needs(manifest: Manifest, ids: frozenset[str]) -> frozenset[str]:
    """`ids` and all that they need or are started after, however far back."""
    wanted = set(ids)
    for entry in reversed(manifest.jobs):
        if entry.id in wanted:
            wanted.update(entry.needs, entry.after)
    return frozenset(wanted)


def is_done(folder: Path, manifest: Manifest, entry: Entry) -> bool:
    """Whether `entry` and everything before it is finished and unchanged, and what it left is there."""
    return entry.id in done_jobs(folder, manifest, frozenset({entry.id})) and loss(folder, entry.id) is None


def _unchanged(root: Path, name: str, seen: Any, hashes: dict[Path, str]) -> bool:
    path = root / name
    try:
        if not isinstance(seen, dict):
            return False
        if "matches" in seen:
            return bool(matching(root, name) == seen["matches"])
        about = path.stat()
        if about.st_size != seen.get("bytes"):
            return False
        if about.st_mtime_ns == seen.get("changed"):
            return True  # hashing gigabytes at each run would take longer than all the rest
        if path not in hashes:
            hashes[path] = sha256_of(path)
    except OSError:
        return False
    return hashes[path] == seen.get("sha256")


def write_done(
    folder: Path,
    entry: Entry,
    inputs: dict[str, dict[str, Any]],
    seconds: float,
    tells: dict[str, str] | None = None,
    by_hand: tuple[str, ...] = (),
) -> None:
    """tells: what other jobs take from this one, by their ids; None for all that it made. by_hand: its files that were
    edited."""
    needs = {}
    for need in entry.needs:
        before = read_done(folder, need)
        needs[need] = fingerprint(before, entry) if before is not None else ""
    done: dict[str, Any] = {"hash": entry.hash, "inputs": inputs, "needs": needs}
    done["seconds"] = round(seconds, 3)
    done["left"] = left_by(folder, entry.id)
    if tells is not None:
        done["tells"] = tells
    if by_hand:
        done["edited"] = list(by_hand)
    write_atomically(
        folder / "out" / entry.id / "done.json", json.dumps(done, indent=2, sort_keys=True) + "\n"
    )
