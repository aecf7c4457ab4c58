"""Sources read in a folder of the test's, without a job."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from smolc.runtime.data.rows import Problems, Row
from smolc.runtime.data.sources import Chunk, Source, open_source, rows
from smolc.runtime.jobs.base import Job
from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.manifest import Manifest
from smolc.runtime.jobs.prepare import FileData, HubData


@dataclass
class Read:
    """What was read: rows and what is wrong with the others."""

    rows: list[Row]
    problems: list[str]
    bad: int

    @property
    def data(self) -> list[dict[str, Any]]:
        return [row.data for row in self.rows]

    @property
    def places(self) -> list[str]:
        return [row.place for row in self.rows]


@dataclass
class Folder:
    """The user's folder."""

    root: Path

    def write(self, name: str, content: bytes) -> str:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return name

    def context(self) -> Context:
        cluster = {"name": "local", "device": "cpu", "nodes": 1, "processes": 1, "parallel_jobs": 1}
        manifest = {"smolc": "0", "edition": 1, "recipe": "r", "about": "", "hash": "", "root": "..",
                    "cluster": cluster, "jobs": []}  # fmt: skip
        job = Job(id="data", title="data", stage=None, needs=(), seed=0, device="cpu")
        (self.root / "build").mkdir(exist_ok=True)
        return Context(self.root / "build", Manifest.model_validate(manifest), job)

    def open(self, *paths: str, hub: HubData | None = None, context: Context | None = None) -> Source:
        location = hub or FileData(type="files", paths=paths)
        return open_source("chats", location, context or self.context())

    def read(self, *paths: str, hub: HubData | None = None) -> Read:
        return read_chunks(list(self.open(*paths, hub=hub).chunks()))


def read_chunks(chunks: list[Chunk]) -> Read:
    assert [chunk.index for chunk in chunks] == list(range(len(chunks)))
    problems = Problems("chats")
    found = [row for chunk in chunks for row in rows(chunk, problems)]
    return Read(found, problems.shown, problems.count)


def _in_worker(chunk: Chunk) -> Read:
    problems = Problems("chats")
    found = list(rows(chunk, problems))
    return Read(found, problems.shown, problems.count)


def read_in_processes(source: Source) -> Read:
    """As `read_chunks`, each chunk in one of two fresh processes that share nothing with this one."""
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        parts = list(pool.map(_in_worker, source.chunks()))
    return Read(
        [row for part in parts for row in part.rows],
        [what for part in parts for what in part.problems],
        sum(part.bad for part in parts),
    )
