"""The plan: what will run, in order. Nothing in it depends on the machine that compiled it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Cluster:
    """Where it runs. device: `auto` takes a GPU if there is one. processes: per node, one per device.

    memory: bytes of one GPU.
    """

    name: str
    device: str
    nodes: int = 1
    processes: int = 1
    parallel_jobs: int = 1
    memory: float = 80 * 2**30

    @property
    def world_size(self) -> int:
        return self.nodes * self.processes


@dataclass(frozen=True)
class Job:
    """One job. `body` is its job.yaml without id, title and needs; `hash` covers it and, through `needs`, all before
    it. A stage may run on a cluster of its own. after: jobs that it is started after, and that are no part of its hash.
    passes: what stands for this job in the hashes of those after it, if it only decides: they take its decision, which is
    known once it is made."""

    id: str
    kind: str
    title: str
    stage: str | None
    needs: tuple[str, ...]
    body: dict[str, Any]
    hash: str
    cluster: Cluster
    after: tuple[str, ...] = ()
    passes: str | None = None

    @property
    def final(self) -> bool:
        """Whether it measures on test data, and so is run only when asked for."""
        return self.kind == "evaluate" and self.body["role"] == "test"

    @property
    def ends_run(self) -> bool:
        """Whether a training run ends with it: not so a part of a run up to a rung of a halved grid."""
        return self.kind == "train" and (self.body["part"] is None or self.body["part"]["until"] is None)

    @property
    def spread(self) -> str:
        """How a training job is spread over devices, as people say it: DDP, FSDP2, ZeRO-3."""
        parallel = self.body["parallel"]
        name = f"ZeRO-{parallel['stage']}" if parallel["type"] == "zero" else str(parallel["type"]).upper()
        if parallel.get("replicate", 1) > 1:
            name += f" in {parallel['replicate']} copies"
        return name if self.sharers == 1 else f"{name}, {self.sharers} devices a row"

    @property
    def sharers(self) -> int:
        """Devices of a training job that share their rows, by context or sequence parallel."""
        parallel = self.body["parallel"]
        return int(parallel.get("context", parallel.get("sequence", 1)))


@dataclass(frozen=True)
class Plan:
    """templates: content of each chat template by its path in the compiled folder."""

    recipe: str
    about: str
    edition: int
    cluster: Cluster
    jobs: tuple[Job, ...]
    templates: dict[str, str] = field(default_factory=dict)

    @property
    def hash(self) -> str:
        return digest([job.hash for job in self.jobs])


def digest(value: Any) -> str:
    """sha256 of a value's canonical JSON."""
    return hashlib.sha256(_CANONICAL.encode(value).encode()).hexdigest()


_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True)
