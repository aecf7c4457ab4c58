"""What a running job knows and where it writes."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from smolc.runtime.jobs.base import Job
from smolc.runtime.jobs.done import sha256_of
from smolc.runtime.jobs.errors import JobError, run_first
from smolc.runtime.jobs.files import write_atomically
from smolc.runtime.jobs.manifest import Manifest
from smolc.runtime.jobs.patterns import matching

TOLD = 1 << 30
"""Bytes of a file from which its hashing, which takes seconds, is told as progress."""


@dataclass(frozen=True)
class ModelAt:
    """What `from_pretrained` takes: a folder or a hub id, and a revision for the latter."""

    source: str
    revision: str | None = None


@dataclass
class Context:
    """folder: the compiled folder. out: this job's own folder, the only place it writes to.

    inputs: what `done.json` says of the files that were read, by name: `{"bytes", "changed", "sha256"}` (changed: ns),
    and `{"matches": [names]}` of a pattern. tells: for `done.json` too, if this job only decides.
    """

    folder: Path
    manifest: Manifest
    job: Job
    inputs: dict[str, dict[str, Any]] = field(default_factory=dict)
    tells: dict[str, str] | None = None

    @property
    def out(self) -> Path:
        path = self.folder / "out" / self.job.id
        path.mkdir(parents=True, exist_ok=True)
        return path

    def progress(self, done: float, total: float, unit: str, note: str = "") -> None:
        """Tell the executor how far this job is; cheap, but not meant for more than a few calls a second."""
        line = json.dumps({"done": done, "total": total, "unit": unit, "note": note})
        with (self.out / "progress.jsonl").open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    def user_file(self, relative: str) -> Path:
        """A file of the user's, relative to the manifest's root; its sha256 is recorded in done.json. It is hashed once
        in a job.

        Raises JobError if it is missing or cannot be read.
        """
        path = self.folder / self.manifest.root / relative
        if not path.is_file():
            raise JobError(f"{relative}: no such file", help=f"looked for {path.resolve()}")
        if relative in self.inputs:
            return path
        try:
            about = path.stat()
            said = {"bytes": about.st_size, "changed": about.st_mtime_ns}
            self.inputs[relative] = {**said, "sha256": self._hashed(relative, path)}
        except OSError as error:
            raise JobError(f"{relative}: cannot be read: {error.strerror}") from error
        return path

    def user_files(self, pattern: str) -> list[tuple[str, Path]]:
        """The user's files that a pattern (`data/*.jsonl`) stands for, by name; each as `user_file` gives it. Which they
        were is recorded in done.json, so that a new or a vanished one makes the job run again.

        Raises JobError if there are none, or if one leads out of the folder that the pattern starts from.
        """
        root = self.folder / self.manifest.root
        parts = pattern.split("/")
        up = next((i for i, part in enumerate(parts) if part != ".."), len(parts))
        if ".." in parts[up:] or pattern.startswith("/"):
            raise JobError(f"{pattern}: leads out of the recipe's folder", help="write it without `..`")
        names = matching(root, pattern)
        if not names:
            raise JobError(f"{pattern}: no such file", help=f"looked in {root.resolve()}")
        # A compiled parent recipe may lie beside this one: only its part of the name begins with `..`.
        start = root.joinpath(*parts[:up]).resolve()
        for name in names:
            if not (root / name).resolve().is_relative_to(start):
                raise JobError(
                    f"{name}: a link that leads out of the recipe's folder, found for {pattern}",
                    help="write the name of the link itself as a path if its rows are wanted",
                )
        self.inputs[pattern] = {"matches": names}
        return [(name, self.user_file(name)) for name in names]

    def _hashed(self, name: str, path: Path) -> str:
        size = path.stat().st_size
        if size < TOLD:
            return sha256_of(path)
        done = 0

        def tell(more: int) -> None:
            nonlocal done
            done += more
            if done % (TOLD // 4) < more:
                self.progress(done >> 20, size >> 20, "MiB", f"hashing {name}")

        return sha256_of(path, tell)

    def out_of(self, job_id: str) -> Path:
        """The folder that an earlier job wrote."""
        return self.folder / "out" / job_id

    def made(self, job_id: str) -> Path:
        """The rows that a `pairs` job made. Raises JobError if it has not run."""
        path = self.out_of(job_id) / "pairs.jsonl"
        if not path.is_file():
            raise JobError(f"{job_id}: its pairs are not made yet", help=run_first(job_id))
        return path

    def result_of(self, job_id: str) -> dict[str, Any]:
        """`result.json` of an earlier job. Raises JobError if it is not there."""
        path = self.out_of(job_id) / "result.json"
        try:
            return dict(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            raise JobError(f"job {job_id} left no result", help=run_first(job_id)) from error

    def write_result(self, result: dict[str, Any]) -> None:
        """Write `result.json`. Where a job made a model, `model` is one of {"out": "<job>/model"} (below `out/`),
        {"root": "<path>"} (below the manifest's root) or {"hub": id, "revision": ...}."""
        write_atomically(self.out / "result.json", json.dumps(result, indent=2, sort_keys=True) + "\n")

    def model_of(self, job_id: str) -> ModelAt:
        """The model that a model, train or pick job ended with."""
        where = self.result_of(job_id).get("model")
        if not isinstance(where, dict):
            raise JobError(f"job {job_id} made no model")
        if "hub" in where:
            return ModelAt(where["hub"], where.get("revision"))
        base = self.folder / "out" if "out" in where else self.folder / self.manifest.root
        return ModelAt(str((base / (where.get("out") or where["root"])).resolve()))
