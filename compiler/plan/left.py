"""What is gone of what done jobs left, and so runs again: as `runtime/jobs/left.py` decides it when it runs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from smolc.compiler.plan.outputs import Unreadable, read_object
from smolc.compiler.plan.types import Job

READERS: dict[str, tuple[str, ...]] = {
    "model": ("train", "prepare", "evaluate", "generate", "merge", "pairs"),
    "adapter": (),
    "checkpoints": ("train",),
    "train": ("train",),
    "validation": ("train",),
    "tokenizer": ("train", "evaluate", "generate", "merge", "pairs"),
    "answers.jsonl": ("pairs",),
    "pairs.jsonl": ("prepare", "contamination"),
    "overlap.json": ("report",),
    "results.json": ("pick", "replicate", "gate", "report"),
}
"""The kinds of jobs that cannot do without what a job left; `result.json` is read by all."""

SIZED = (".safetensors", ".arrow", ".jsonl", "result.json")
"""Endings of files that nobody edits: of another size, they are damaged."""


class Losses:
    """done: `done.json` of the jobs that are done."""

    def __init__(self, folder: Path, done: Mapping[str, dict[str, Any]]) -> None:
        self.folder = folder
        self.done = done

    def of(self, job_id: str, reader: str | None = None) -> str | None:
        """What is gone, in words. reader: a kind of job, of which that counts which it reads."""
        left = self.done[job_id].get("left")
        changed = []
        for name, size in left.items() if isinstance(left, dict) else ():
            if reader is not None and reader not in READERS.get(name.partition("/")[0], (reader,)):
                continue
            try:
                now = (self.folder / "out" / job_id / name).stat().st_size
            except (OSError, ValueError):
                now = None
            if now is None or (now != size and name.endswith(SIZED)):
                changed.append((size if isinstance(size, int) else 0, name, now is not None))
        if not changed:
            return None
        _, name, other = max(changed)
        how = "has another size" if other else "is gone"
        more = f", and {len(changed) - 1} more of its files" if len(changed) > 1 else ""
        return f"out/{job_id}/{name} {how} since{more}"

    def missed(self, reader: Job) -> dict[str, str]:
        """Of the done jobs that a job reads, those of which it would look for something in vain, and what."""
        makers = dict.fromkeys(one for need in reader.needs for one in (need, self._passed_on(need)))
        found = {maker: self.of(maker, reader.kind) for maker in makers if maker in self.done}
        return {maker: said for maker, said in found.items() if said is not None}

    def again(self, jobs: Sequence[Job], runs: Collection[str]) -> dict[str, str]:
        """Done jobs that run again, and why. jobs: in running order. runs: ids of those that have to run."""
        found: dict[str, str] = {}
        for job in reversed(jobs):
            if job.id in runs or job.id in found:
                for maker, said in self.missed(job).items():
                    found.setdefault(maker, f"{said}, and {job.id} needs that")
        return found

    def _passed_on(self, job_id: str) -> str:
        """The job whose model this one's result names: a pick's winner; else itself."""
        try:
            result = read_object(self.folder / "out" / job_id / "result.json") or {}
        except Unreadable:
            return job_id
        model = result.get("model")
        return str(model.get("out", job_id)).partition("/")[0] if isinstance(model, dict) else job_id
