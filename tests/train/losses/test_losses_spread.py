"""Preference losses, and what is told of held-out rows, are the same however rows are spread."""

import shutil
from pathlib import Path
from typing import Any

import built
import pytest
from compiled import (
    MODEL,
    TRAIN,
    context_of,
    finished,
    launch,
    launcher,
    losses,
    read_metrics,
    write_folder,
    write_rows,
)

from smolc.runtime.train import run, start

LAUNCH = Path(__file__).parents[1] / "launch"
DPO = {"type": "dpo", "loss": ["sigmoid", "sft"], "weights": [1.0, 0.5], "beta": 0.1}
KTO = {"type": "kto", "loss": "apo_zero_unpaired", "beta": 0.3, "desirable_weight": 1.0}
METHODS = {
    "orpo": {"type": "orpo", "beta": 0.3},
    "dpo": DPO | {"label_smoothing": 0.0, "reference": "base"},
    "kto": KTO | {"undesirable_weight": 1.0, "reference": "base"},
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
    rows = built.unpaired if method == "kto" else built.pairs
    # No number of held-out rows that two processes could share evenly.
    write_rows(tmp_path, built.TOKENIZER, rows(24), rows(5))
    for name in ("base", "data"):
        finished(tmp_path, name)
    run.run(context_of(tmp_path, "one"))
    # Each of the two processes computes a part of the reference's log-probabilities.
    kept = tmp_path / "out" / ".reference"
    assert kept.is_dir() == (method != "orpo")
    shutil.rmtree(kept, ignore_errors=True)
    write_folder(tmp_path, MODEL, job("two", 1, 2, 2))
    for name in ("base", "data"):
        finished(tmp_path, name)
    config = str(LAUNCH / "ddp_cpu.yaml")
    done = launch(
        tmp_path,
        [*launcher(config), "-m", "smolc.runtime", "jobs/two/job.yaml"],
    )
    assert done.returncode == 0, done.stderr
    assert [p.name for p in kept.glob("*/*")] == ([] if method == "orpo" else ["logps"])
    assert losses(tmp_path, "two") == pytest.approx(losses(tmp_path, "one"), rel=1e-5)
    one, two = (held_out(tmp_path, name) for name in ("one", "two"))
    # Margins are told where a batch has both sides. Cross entropies beside a loss are means over a batch's tokens.
    same = [key for key in one if key in two and (key != "eval_loss" or method == "kto")]
    assert len(same) >= 4
    assert [two[key] for key in same] == pytest.approx([one[key] for key in same], rel=1e-4, abs=1e-5)


def held_out(folder: Path, name: str) -> dict[str, float]:
    """What the last evaluation says of rewards and log-probabilities, and the loss."""
    last = next(row for row in reversed(read_metrics(folder, name)) if "eval_loss" in row)
    return {
        key: value
        for key, value in last.items()
        if key == "eval_loss" or key.startswith(("eval_rewards/", "eval_logps/"))
    }
