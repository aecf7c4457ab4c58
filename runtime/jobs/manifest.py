"""`manifest.json`, and reading a compiled folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import Field, TypeAdapter, ValidationError

from smolc.runtime.jobs.base import Strict
from smolc.runtime.jobs.contamination import ContaminationJob
from smolc.runtime.jobs.edited import as_it_is
from smolc.runtime.jobs.evaluate import CullJob, EvaluateJob, GateJob, PickJob, ReplicateJob, ReportJob
from smolc.runtime.jobs.generate import GenerateJob
from smolc.runtime.jobs.merge import MergeJob
from smolc.runtime.jobs.model import ModelJob
from smolc.runtime.jobs.pairs import PairsJob
from smolc.runtime.jobs.prepare import PrepareJob
from smolc.runtime.jobs.text import load
from smolc.runtime.jobs.train import TrainJob

AnyJob = Annotated[
    ModelJob
    | PrepareJob
    | ContaminationJob
    | TrainJob
    | PickJob
    | CullJob
    | EvaluateJob
    | MergeJob
    | GenerateJob
    | PairsJob
    | ReplicateJob
    | GateJob
    | ReportJob,
    Field(discriminator="kind"),
]


class Cluster(Strict):
    """Where it runs. processes: per node; one process drives one device. parallel_jobs: independent jobs run at once."""

    name: str
    device: str
    nodes: int
    processes: int
    parallel_jobs: int


class Entry(Strict):
    """One job: `hash` covers its content and, through `needs`, everything before it. after: jobs that have
    to end well before it is started, and of which nothing goes into it. final: it measures on test data, and is run only
    when asked for. files: what it is told by, with the sha256 that they were built with; content: that of the values of its
    job.yaml without the title. See `edited.py`."""

    id: str
    kind: str
    title: str
    stage: str | None
    needs: tuple[str, ...]
    hash: str
    final: bool = False
    after: tuple[str, ...] = ()
    files: dict[str, str] = Field(default_factory=dict)
    content: str | None = None


class Manifest(Strict):
    """root: from the compiled folder to the folder that relative data paths start from (POSIX, relative)."""

    smolc: str
    edition: int
    recipe: str
    about: str
    hash: str
    root: str
    cluster: Cluster
    jobs: tuple[Entry, ...]


class BrokenFolder(Exception):
    """A compiled folder that cannot be read; the message is for the user."""


_job: TypeAdapter[Any] = TypeAdapter(AnyJob)


def _said(error: Exception, value: Any = None) -> str:
    """One line: for a field that does not fit, which one and why. value: what was read, which says where a place is."""
    if not isinstance(error, ValidationError):
        return " ".join(str(error).split())
    first, *others = error.errors(include_url=False)
    where = ".".join(map(str, _place(first["loc"], value)))
    more = f" (and {len(others)} more)" if others else ""
    return f"{where}: {_why(first)}{more}" if where else f"{_why(first)}{more}"


def _place(parts: tuple[int | str, ...], value: Any) -> list[int | str]:
    """Without the names of alternatives, which pydantic counts as places: `train.loss.dpo.beta`."""
    found = []
    for number, part in enumerate(parts):
        inside = (
            part in value if isinstance(value, dict) else isinstance(value, list) and isinstance(part, int)
        )
        if inside:
            value = value[part]
        if inside or number == len(parts) - 1:
            found.append(part)
    return found


def _why(error: Any) -> str:
    if error["type"] == "extra_forbidden":
        return "there is no such key"
    if error["type"] == "missing":
        return "is missing"
    message = str(error["msg"]).removeprefix("Value error, ")
    given = error["input"]
    if message.startswith("Input should") and isinstance(given, (str, int, float)):
        said = "true" if given is True else "false" if given is False else str(given)
        return f"is {said[:60]}, but{message.removeprefix('Input')}"
    return message


def read_manifest(folder: Path) -> Manifest:
    """The hash of each job is that of its files as they are now. Raises BrokenFolder."""
    path = folder / "manifest.json"
    try:
        built = Manifest.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, ValidationError) as error:
        raise BrokenFolder(f"{path}: not a manifest that smolc build wrote: {_said(error)}") from error
    return built.model_copy(update={"jobs": tuple(as_it_is(folder, entry) for entry in built.jobs)})


def read_job(folder: Path, job_id: str) -> Any:
    """The typed job `job_id` of a compiled folder. Raises BrokenFolder."""
    path = folder / "jobs" / job_id / "job.yaml"
    value = None
    try:
        value = load(path.read_text(encoding="utf-8"))
        job = _job.validate_python(value)
    except (OSError, yaml.YAMLError, ValueError, ValidationError, RecursionError) as error:
        raise BrokenFolder(f"{path}: cannot be run: {_said(error, value)}") from error
    if job.id != job_id:
        raise BrokenFolder(f"{path}: id: is {job.id}, but its folder is {job_id}: the two are the same")
    return job


def read_own(folder: Path, entry: Entry) -> Any:
    """The job of an entry, which agrees with it. Raises BrokenFolder."""
    job = read_job(folder, entry.id)
    for key in ("kind", "stage", "needs"):
        said, built = getattr(job, key), getattr(entry, key)
        if said != built:
            where = folder / "jobs" / entry.id / "job.yaml"
            raise BrokenFolder(
                f"{where}: {key}: is {_plain(said)}, but {_plain(built)} in manifest.json: "
                "that is changed in the recipe alone"
            )
    return job


def _plain(value: Any) -> str:
    return f"[{', '.join(value)}]" if isinstance(value, tuple) else str(value)
