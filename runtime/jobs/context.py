"""What a running job knows and where it writes."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from smolc.runtime.jobs.base import Job
from smolc.runtime.jobs.done import sha256_of
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.files import write_atomically
from smolc.runtime.jobs.manifest import Manifest


@dataclass(frozen=True)
class ModelAt:
    """What `from_pretrained` takes: a folder or a hub id, and a revision for the latter."""

    source: str
    revision: str | None = None


@dataclass
class Context:
    """folder: the compiled folder. out: this job's own folder, the only place it writes to."""

    folder: Path
    manifest: Manifest
    job: Job
    inputs: dict[str, dict[str, Any]] = field(default_factory=dict)

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
        """A file of the user's, relative to the manifest's root; its sha256 is recorded in done.json.

        Raises JobError if it is missing or cannot be read.
        """
        path = self.folder / self.manifest.root / relative
        if not path.is_file():
            raise JobError(f"{relative}: no such file", help=f"looked for {path.resolve()}")
        try:
            self.inputs[relative] = {"bytes": path.stat().st_size, "sha256": sha256_of(path)}
        except OSError as error:
            raise JobError(f"{relative}: cannot be read: {error.strerror}") from error
        return path

    def out_of(self, job_id: str) -> Path:
        """The folder that an earlier job wrote."""
        return self.folder / "out" / job_id

    def result_of(self, job_id: str) -> dict[str, Any]:
        """`result.json` of an earlier job. Raises JobError if it is not there."""
        path = self.out_of(job_id) / "result.json"
        try:
            return dict(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            raise JobError(
                f"job {job_id} left no result", help="run it first: smolc run does so by itself"
            ) from error

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
