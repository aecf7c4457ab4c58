"""Preference losses with a mean over tokens are the same however the pairs of a step are spread."""

import shutil
from pathlib import Path
from typing import Any

import built
import pytest
from compiled import MODEL, TRAIN, context_of, finished, launch, losses, write_folder, write_rows

from smolc.runtime.train import run, start

LAUNCH = Path(__file__).parents[1] / "launch"
DPO = {"type": "dpo", "loss": ["sigmoid", "sft"], "weights": [1.0, 0.5], "beta": 0.1}
METHODS = {
    "orpo": {"type": "orpo", "beta": 0.3},
    "dpo": DPO | {"label_smoothing": 0.0, "reference": "base"},
}


# CI takes one of them.
RUNS = [pytest.param(name, marks=() if name == "dpo" else pytest.mark.long) for name in METHODS]


@pytest.mark.slow
@pytest.mark.parametrize("method", RUNS)
def test_two_processes_with_micro_batches_of_one_are_one_with_four(method: str, tmp_path: Path) -> None:
    def job(name: str, micro: int, accumulation: int, processes: int) -> dict[str, Any]:
        batch = {"micro": micro, "accumulation": accumulation, "data_parallel": processes}
        return TRAIN | {
            "id": name,
            "method": method,
            "loss": METHODS[method],
            "batch": batch | {"global_sequences": 4},
        }

    write_folder(tmp_path, MODEL, job("one", 4, 1, 1))
    start.run(context_of(tmp_path, "base"))
    write_rows(tmp_path, built.TOKENIZER, built.pairs(24), built.pairs(4))
    for name in ("base", "data"):
        finished(tmp_path, name)
    run.run(context_of(tmp_path, "one"))
    # Each of the two processes computes a part of the reference's log-probabilities.
    kept = tmp_path / "out" / ".reference"
    assert kept.is_dir() == (method == "dpo")
    shutil.rmtree(kept, ignore_errors=True)
    write_folder(tmp_path, MODEL, job("two", 1, 2, 2))
    for name in ("base", "data"):
        finished(tmp_path, name)
    config = str(LAUNCH / "ddp_cpu.yaml")
    done = launch(
        tmp_path,
        ["accelerate", "launch", "--config_file", config, "-m", "smolc.runtime", "jobs/two/job.yaml"],
    )
    assert done.returncode == 0, done.stderr
    assert [p.name for p in kept.glob("*/*")] == (["logps"] if method == "dpo" else [])
    assert losses(tmp_path, "two") == pytest.approx(losses(tmp_path, "one"), rel=1e-5)
