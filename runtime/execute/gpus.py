"""The GPUs of this machine, without torch: which job takes which, and whether some are left over."""

from __future__ import annotations

from pathlib import Path

from smolc.runtime.jobs.gpus import named
from smolc.runtime.jobs.manifest import Cluster


def in_sight() -> list[str]:
    """As CUDA_VISIBLE_DEVICES names them; none where the system does not tell."""
    names = named()
    if names is not None:
        return names
    return [str(n) for n in range(len(list(Path("/dev").glob("nvidia[0-9]*"))))]


def of_slot(cluster: Cluster, slot: int, gpus: list[str]) -> list[str]:
    """Those of the job in one of several slots. Jobs of one process share where there are fewer than slots. Empty: it sees
    what there is."""
    first = slot * cluster.processes
    if not gpus and cluster.device == "cuda":
        gpus = [str(n) for n in range(first + cluster.processes)]
    if cluster.processes == 1:
        return [gpus[slot % len(gpus)]] if gpus else []
    own = gpus[first : first + cluster.processes]
    return own if len(own) == cluster.processes else []


def left_over(cluster: Cluster, jobs: int, gpus: list[str]) -> str | None:
    """What to do about GPUs that no job would use, where there are enough for one more."""
    room = len(gpus) // cluster.processes
    if cluster.device == "cpu" or cluster.nodes > 1 or room <= jobs:
        return None
    return (
        f"{len(gpus)} GPUs are here and {cluster.processes * jobs} will be used: `--jobs {room}` runs as many jobs at "
        f"once, and `--on {len(gpus)}xh100` (or a `cluster` of the recipe) trains on all of them"
    )
