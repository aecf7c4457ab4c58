"""A run that is killed at a point of its own, and run again, has the curve of one that was left alone."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from smolc.runtime.train.watch import keep_until

spec = importlib.util.spec_from_file_location("kill", Path(__file__).parents[2] / "bench/kill.py")
assert spec is not None and spec.loader is not None
kill = importlib.util.module_from_spec(spec)
spec.loader.exec_module(kill)

# The process kills itself: function, and how many calls of it go well before. Files that are being written are cut.
POINTS = {
    "while loading": ("transformers.modeling_utils.PreTrainedModel.from_pretrained", 0),
    "weights of a checkpoint": ("transformers.modeling_utils.PreTrainedModel.save_pretrained", 1),
    "its optimiser": ("transformers.Trainer._save_optimizer_and_scheduler", 0),
    "before the marker": ("smolc.runtime.train.watch.seal", 0),
    "in an evaluation": ("smolc.runtime.train.sft.Trainer.prediction_step", 3),
    "after the last evaluation": ("smolc.runtime.train.save.save_trained", 0),
    "the final model": ("smolc.runtime.train.save._write", 0),
    "before its result": ("smolc.runtime.jobs.context.Context.write_result", 0),
}

DRIVER = """
import importlib, os, signal, sys
from smolc.runtime.__main__ import main
path, calls = sys.argv[1], int(sys.argv[2])
module, names = path, []
while True:
    try:
        place = importlib.import_module(module)
        break
    except ImportError:
        module, _, name = module.rpartition(".")
        names.insert(0, name)
for name in names[:-1]:
    place = getattr(place, name)
well = getattr(place, names[-1])
def deadly(*args, **said):
    global calls
    calls -= 1
    if calls < 0:
        os.kill(os.getpid(), signal.SIGKILL)
    return well(*args, **said)
setattr(place, names[-1], deadly)
sys.exit(main(sys.argv[3:]))
"""


def run(folder: Path, command: list[str]) -> int:
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    with (folder / "log.txt").open("ab") as log:
        return subprocess.run(command, cwd=folder, env=env, stdout=log, stderr=log, timeout=300).returncode


@pytest.mark.slow
@pytest.mark.skipif(torch.cuda.is_available(), reason="exactly equal on a CPU")
def test_wherever_it_is_killed_the_curve_is_the_same(tmp_path: Path) -> None:
    """All points in one run, one after the other: each start goes a bit further."""
    command = kill.prepare(tmp_path, "one", steps=6)
    assert run(tmp_path, command) == 0
    whole, model = kill.curve(tmp_path), kill.weights(tmp_path)
    (tmp_path / "out/sft").rename(tmp_path / "out/first")
    for name, (place, calls) in POINTS.items():
        deadly = [sys.executable, "-c", DRIVER, place, str(calls), "jobs/sft/job.yaml"]
        assert run(tmp_path, deadly) == -9, (name, (tmp_path / "log.txt").read_text()[-2000:])
        assert not (tmp_path / "out/sft/done.json").exists()
    assert run(tmp_path, command) == 0
    assert kill.curve(tmp_path) == whole
    assert kill.weights(tmp_path) == model


ROWS: list[dict[str, Any]] = [
    {"step": 1, "loss": 5.0},
    {"step": 2, "loss": 4.0},
    {"step": 2, "eval_loss": 4.5},
    {"step": 3, "loss": 3.0},
]


@pytest.mark.parametrize(
    ("step", "evaluated", "kept"), [(0, False, 0), (1, False, 1), (2, True, 3), (2, False, 2), (9, False, 4)]
)
def test_what_was_logged_after_a_checkpoint_is_dropped(
    tmp_path: Path, step: int, evaluated: bool, kept: int
) -> None:
    metrics = tmp_path / "metrics.jsonl"
    metrics.write_text("".join(f"{json.dumps(row)}\n" for row in ROWS) + '{"step": 4, "lo')
    assert keep_until(metrics, step, evaluated=evaluated) == (5.0 if kept else None)
    assert [json.loads(line) for line in metrics.read_text().splitlines()] == ROWS[:kept]
