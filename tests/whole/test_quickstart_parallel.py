"""The quickstart's SFT, compiled and run as a user would: the losses do not depend on how it is spread."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

pytest.importorskip("torch")

REPO = Path(__file__).parents[2]
JOB = "sft-lr-2e-3"
SHORT = (
    "stage.sft.length=8step",
    "stage.sft.batch=1024tok",
    "stage.sft.log_every=1step",
    "sft.sweep.optim.lr=[2e-3]",
)


def losses(folder: Path, on: str, parallel: str) -> list[float]:
    """Build for a cluster, run the one job with what it needs, and read the loss of each step."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    sets = [word for value in (*SHORT, f"stage.sft.parallel={parallel}") for word in ("--set", value)]
    build = [
        sys.executable,
        "-m",
        "smolc.compiler.cli",
        "build",
        "recipes/quickstart.recipe",
        "--on",
        on,
        "-o",
        str(folder),
    ]
    subprocess.run([*build, *sets], cwd=REPO, env=environment, check=True, capture_output=True, timeout=60)
    run = [sys.executable, "-m", "smolc.runtime.execute", str(folder), "--only", JOB]
    done = subprocess.run(run, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = (folder / "out" / JOB / "metrics.jsonl").read_text().splitlines()
    return [row["loss"] for row in map(json.loads, lines) if "loss" in row]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[float]]:
    folder = tmp_path_factory.mktemp("quickstart")
    found = losses(folder, "cpu", "ddp")
    assert len(found) == 8 and found[-1] < found[0]
    return folder, found


@pytest.mark.slow
@pytest.mark.parametrize(
    "parallel",
    [
        "ddp",
        pytest.param("zero(stage=2)", marks=pytest.mark.long),
        pytest.param("zero(stage=3)", marks=pytest.mark.long),
    ],
)
def test_two_processes_give_the_losses_of_one(alone: tuple[Path, list[float]], parallel: str) -> None:
    if parallel != "ddp":
        pytest.importorskip("deepspeed")
        headers = Path(sysconfig.get_path("include")) / "Python.h"
        if shutil.which(os.environ.get("CXX", "c++")) is None or not headers.is_file():
            pytest.skip("DeepSpeed compiles its communication: needs a C++ compiler and Python's headers")
    folder, single = alone
    result = losses(folder, "2xcpu", parallel)
    print(
        f"{parallel}: largest difference {max(abs(a - b) for a, b in zip(single, result, strict=True)):.1e}"
    )
    assert result == pytest.approx(single, abs=1e-4)
    spread = json.loads((folder / "out" / JOB / "result.json").read_text())
    assert spread["world_size"] == 2
    if parallel != "ddp":
        assert f"{parallel[-2]}" in json.dumps(spread["distributed"])
