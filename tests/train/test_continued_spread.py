"""Two processes that ran out of memory, and go on with their batch divided otherwise."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest
import torch
from compiled import MODEL, ZERO, finished, launch, losses, write_folder

spec = importlib.util.spec_from_file_location("kill", Path(__file__).parents[2] / "bench/kill.py")
assert spec is not None and spec.loader is not None
kill = importlib.util.module_from_spec(spec)
spec.loader.exec_module(kill)

DRIVER = """
import sys
import torch
from smolc.runtime.__main__ import main
from smolc.runtime.jobs.leave import leave
from smolc.runtime.train.common import Common
calls, step = int(sys.argv[1]), Common.training_step
def full(self, *args, **said):
    global calls
    calls -= 1
    if calls < 0:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB.")
    return step(self, *args, **said)
Common.training_step = full
leave(main(sys.argv[2:]))
"""
STEPS = 7

pytestmark = [
    pytest.mark.slow,
    pytest.mark.long,
    pytest.mark.skipif(torch.cuda.is_available(), reason="the launch files are for a CPU"),
]


def divided(micro: int) -> dict[str, Any]:
    return {"batch": {"global_sequences": 8, "micro": micro, "accumulation": 4 // micro, "data_parallel": 2}}


@pytest.mark.parametrize("way", ["ddp", pytest.param("zero2", marks=ZERO), pytest.param("zero3", marks=ZERO)])
def test_they_go_on_with_the_curve_of_a_whole_run(tmp_path: Path, way: str) -> None:
    command = kill.prepare(tmp_path, way, steps=STEPS, **divided(2))
    done = launch(tmp_path, command)
    assert done.returncode == 0, done.stderr[-3000:]
    (tmp_path / "out/sft").rename(tmp_path / "out/whole")
    whole = losses(tmp_path, "whole")

    (tmp_path / "full.py").write_text(DRIVER)
    at = command.index("-m", command.index("--config_file"))
    early = launch(tmp_path, [*command[:at], "full.py", str(2 * 4 + 1), "jobs/sft/job.yaml"])
    assert early.returncode != 0 and "memory is full" in early.stderr, early.stderr[-3000:]
    assert len(losses(tmp_path, "sft")) == 4

    write_folder(tmp_path, MODEL, kill.job(way, STEPS, **divided(1), checkpointing=True))
    finished(tmp_path, "base")
    finished(tmp_path, "data")
    done = launch(tmp_path, command)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "continuing from checkpoint-3 with batch.micro: 2 -> 1, checkpointing: 0.0 -> 1.0\n" in done.stdout
    curve = losses(tmp_path, "sft")
    assert len(curve) == STEPS and curve == pytest.approx(whole, rel=1e-5)
