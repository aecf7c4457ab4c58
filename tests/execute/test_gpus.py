"""Which job takes which GPU."""

from pathlib import Path

import pytest

from smolc.runtime.execute import gpus
from smolc.runtime.jobs.manifest import Cluster


def cluster(device: str = "cuda", processes: int = 1, nodes: int = 1) -> Cluster:
    return Cluster(name="here", device=device, nodes=nodes, processes=processes, parallel_jobs=1)


@pytest.mark.parametrize(
    ("said", "expected"),
    [("0,2", ["0", "2"]), ("3", ["3"]), ("GPU-a, GPU-b", ["GPU-a", "GPU-b"]), ("", []), ("-1", [])],
)
def test_what_the_environment_says(monkeypatch: pytest.MonkeyPatch, said: str, expected: list[str]) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", said)
    assert gpus.in_sight() == expected


def test_otherwise_the_devices_of_the_system(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    for name in ("nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm"):
        (tmp_path / name).touch()
    monkeypatch.setattr(gpus, "Path", lambda _: tmp_path)
    assert gpus.in_sight() == ["0", "1"]


@pytest.mark.parametrize(
    ("processes", "slot", "seen", "expected"),
    [
        (1, 0, ["0", "1"], ["0"]),
        (1, 1, ["0", "1"], ["1"]),
        (1, 2, ["0", "1"], ["0"]),
        (1, 1, ["5"], ["5"]),
        (2, 1, ["4", "5", "6", "7"], ["6", "7"]),
        (2, 1, ["0", "1"], []),
        (2, 1, [], ["2", "3"]),
    ],
)
def test_each_slot_has_its_own_while_there_are_enough(
    processes: int, slot: int, seen: list[str], expected: list[str]
) -> None:
    assert gpus.of_slot(cluster(processes=processes), slot, seen) == expected


def test_a_machine_whose_gpus_nobody_knows_of_is_left_to_the_job() -> None:
    assert gpus.of_slot(cluster("auto"), 1, []) == []


@pytest.mark.parametrize(
    ("here", "jobs", "seen"),
    [
        (cluster(), 4, 4),
        (cluster("auto"), 1, 1),
        (cluster("auto"), 1, 0),
        (cluster("cpu"), 1, 4),
        (cluster(processes=4), 1, 4),
        (cluster(nodes=2), 1, 4),
        (cluster(processes=3), 1, 4),
    ],
)
def test_nothing_is_said_where_nothing_is_left_over(here: Cluster, jobs: int, seen: int) -> None:
    assert gpus.left_over(here, jobs, [str(n) for n in range(seen)]) is None


def test_what_is_said() -> None:
    said = gpus.left_over(cluster("auto"), 1, ["0", "1", "2", "3"])
    assert said is not None and said.startswith("4 GPUs are here and 1 will be used: `--jobs 4` ")
    assert "`--on 4xh100`" in said
    said = gpus.left_over(cluster(processes=2), 1, ["0", "1", "2", "3"])
    assert said is not None and "2 will be used: `--jobs 2`" in said
