"""Evals on test data: what is held back for the end, and `out/.final.jsonl`: how often they were run.

Each time that an eval with `role = test` is run to its end, a line says when, which eval, and by which plan. A build
leaves it alone, as all of `out/`: what a test set told stays told, also when the recipe has changed since."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Container
from datetime import datetime, timezone
from pathlib import Path

from smolc.runtime.jobs.manifest import Entry, Manifest

NAME = ".final.jsonl"


def is_held(entry: Entry, held: Container[str]) -> bool:
    """Whether a job that is not done is held back without `--final`, when those in `held` are: an eval on test data,
    and what needs one. A report is written without them."""
    return entry.final or (entry.kind != "report" and any(n in held for n in entry.needs))


def note_look(folder: Path, manifest: Manifest, entry: Entry) -> None:
    """Add a line; several jobs may do so at once."""
    date = datetime.now(timezone.utc).isoformat(timespec="seconds")
    line = json.dumps({"date": date, "job": entry.id, "plan": manifest.hash, "hash": entry.hash})
    with (folder / "out" / NAME).open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def looks(folder: Path) -> dict[str, int]:
    """Evaluate job -> how often it looked. Lines that cannot be read are left out."""
    try:
        text = (folder / "out" / NAME).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    return dict(Counter(job for line in text.splitlines() if (job := _job(line)) is not None))


def _job(line: str) -> str | None:
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        return None
    job = said.get("job") if isinstance(said, dict) else None
    return job if isinstance(job, str) else None


def times(count: int) -> str:
    """`once`, `twice`, `3 times`"""
    return {1: "once", 2: "twice"}.get(count, f"{count} times")
