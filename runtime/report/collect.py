"""A compiled folder as the report sees it: each job with what became of it. Reads only, and never fails for
what a job wrote or did not write."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from smolc.runtime.jobs.done import read_done
from smolc.runtime.jobs.edited import edited
from smolc.runtime.jobs.evaluate import PickJob
from smolc.runtime.jobs.looks import is_held
from smolc.runtime.jobs.manifest import BrokenFolder, Entry, Manifest, read_job, read_manifest
from smolc.runtime.report.outputs import log_tail, number, read_object
from smolc.runtime.report.text import label, setting


@dataclass(frozen=True)
class JobView:
    """state: `done`, `failed`, `held back` (on test data, or after what is) or `not run`; the last two also when its
    output is of an older recipe. job: the typed job,
    or None if its file cannot be read. said: the lines that explain a failure. edited: its files that were, by hand."""

    entry: Entry
    job: Any
    state: str
    seconds: float | None
    result: dict[str, Any]
    said: tuple[str, ...]
    out: Path
    edited: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        return self.entry.id

    @property
    def kind(self) -> str:
        return self.entry.kind


@dataclass(frozen=True)
class Run:
    """All of a folder's jobs in running order, without the report's own."""

    folder: Path
    manifest: Manifest
    jobs: tuple[JobView, ...]

    def of_kind(self, kind: str) -> list[JobView]:
        return [j for j in self.jobs if j.kind == kind]

    def find(self, job_id: str) -> JobView | None:
        return next((j for j in self.jobs if j.id == job_id), None)

    def scores_of_picks(self) -> set[str]:
        """Evaluate jobs that only served to pick a grid's winner."""
        return {s for j in self.of_kind("pick") if isinstance(j.job, PickJob) for s in j.job.scores}

    def seconds(self) -> float:
        return sum(j.seconds or 0.0 for j in self.jobs)


def collect(folder: Path) -> Run:
    """Raises BrokenFolder if there is no manifest."""
    manifest = read_manifest(folder)
    views: list[JobView] = []
    held: set[str] = set()
    for entry in manifest.jobs:
        if entry.kind == "report":
            continue
        view = replace(_view(folder, entry), edited=tuple(edited(folder, entry)))
        if view.state == "not run" and is_held(entry, held):
            view = replace(view, state="held back")
            held.add(entry.id)
        views.append(view)
    return Run(folder, manifest, tuple(views))


def _view(folder: Path, entry: Entry) -> JobView:
    out = folder / "out" / entry.id
    try:
        job = read_job(folder, entry.id)
    except BrokenFolder:
        job = None
    done, failed = read_done(folder, entry.id) or {}, read_object(out / "failed.json")
    if done.get("hash") == entry.hash:
        return JobView(
            entry, job, "done", number(done.get("seconds")), read_object(out / "result.json"), (), out
        )
    if failed.get("hash") != entry.hash:
        return JobView(entry, job, "not run", None, {}, (), out)
    said = tuple(label(line) for line in log_tail(out / "log.txt", 8))
    # A check that failed has its numbers in result.json; what else failed has no result.
    result = read_object(out / "result.json") if entry.kind in ("gate", "replicate") else {}
    return JobView(entry, job, "failed", number(failed.get("seconds")), result, said, out)


def short_names(values: dict[str, Any]) -> str:
    """`lr = 1e-3, beta = 0.1` of `{"optim.lr": 1e-3, ...}`."""
    return ", ".join(f"{label(str(k)).rpartition('.')[2]} = {setting(v)}" for k, v in values.items())
