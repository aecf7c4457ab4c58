"""The grid of a halved stage: a run trained in several jobs is one row and one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from compiling import SMALL, planned

from smolc.compiler.render import files, write
from smolc.runtime.card.facts import Folder
from smolc.runtime.card.write import card, published_as
from smolc.runtime.execute.summary import summary
from smolc.runtime.jobs.done import write_done
from smolc.runtime.jobs.manifest import read_manifest
from smolc.runtime.report.collect import collect
from smolc.runtime.report.training import trainings

RECIPE = SMALL[: SMALL.index("stage dpo")].replace(
    "batch = 32seq",
    "batch = 32seq\n  sweep { optim.lr = [1e-4, 1e-3, 1e-2]; pick = min(eval_loss); halve_at = 50% }",
)


def made(folder: Path) -> Path:
    write(folder, files(planned(folder.parent, RECIPE), "..", "case.recipe"))
    took = {"seconds": 30.0, "tokens_per_second": 100.0, "peak_memory_gib": 5.0}
    stopped = {"stopped": True, "why": "stopped at step 6 of 12", "eval_loss": 2.5, "train_loss": 2.4, **took}
    lost = {"diverged": True, "why": "the loss became nan", "steps": 3, "eval_loss": None}
    ended = {"eval_loss": 1.5, "train_loss": 1.4, "steps": 12, "tokens": 4000, **took}
    for lr, half, whole, steps in (
        ("1e-4", stopped, stopped, 6),
        ("1e-3", ended, ended, 12),
        ("1e-2", lost, lost, 3),
    ):
        put(folder, f"sft-lr-{lr}-to-50pct", half | {"stopped": False}, min(6, steps))
        if whole is ended:
            whole = ended | {"seconds": 10.0, "tokens_per_second": 200.0, "peak_memory_gib": 4.0}
        put(folder, f"sft-lr-{lr}", whole, steps)
    rows = [
        {
            "job": f"sft-lr-{lr}",
            "values": {"optim.lr": float(lr)},
            "score": score,
            "why": why,
            "eval_loss": loss,
        }
        | {"stopped": why is not None and "stopped" in why, "diverged": why is not None and "diverged" in why}
        for lr, score, why, loss in (
            ("1e-4", None, "stopped at step 6 of 12, held-out loss 2.5000", 2.5),
            ("1e-3", 1.5, None, 1.5),
            ("1e-2", None, "diverged at step 3", None),
        )
    ]
    put(folder, "sft-best", {"winner": "sft-lr-1e-3", "metric": "eval_loss", "table": rows, "notes": []}, 0)
    return folder


def put(folder: Path, job: str, result: dict[str, Any], steps: int) -> None:
    out = folder / "out" / job
    out.mkdir(parents=True)
    (out / "result.json").write_text(json.dumps(result))
    curve = [{"step": step, "loss": 3.0 - step / 10} for step in range(1, steps + 1)]
    (out / "metrics.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in curve))
    entry = next(e for e in read_manifest(folder).jobs if e.id == job)
    write_done(folder, entry, {}, 10.0)


def test_one_row_and_one_line_a_run(tmp_path: Path) -> None:
    (training,) = trainings(collect(made(tmp_path / "build")))
    grid = training.grid
    assert grid is not None
    assert [(row.values[0], row.winner, row.seconds) for row in grid.rows] == [
        ("1e-4", False, "20 s"), ("1e-3", True, "20 s"), ("0.01", False, "20 s"),
    ]  # fmt: skip
    assert [row.note for row in grid.rows] == [
        "stopped at step 6 of 12, held-out loss 2.5000", "", "diverged at step 3",
    ]  # fmt: skip
    assert [row.pace for row in grid.rows] == ["100", "125", "–"]
    facts = dict(training.facts)
    assert (facts["time"], facts["tokens"], facts["tokens per second"]) == ("40 s", "4,000", "125")
    assert facts["peak memory"] == "5 GiB"
    loss, by_rate = training.charts
    for said in ("lr = 1e-4, stopped: 2.9", "at step 6", "lr = 1e-3, winner", "lr = 0.01, diverged"):
        assert said in loss.svg
    assert loss.svg.count('class="line') == 3
    assert "lr = 1e-3 1.5000 (winner); lr = 0.01 diverged at step 3" in by_rate.svg
    assert "2.5 · stopped" in by_rate.svg and "1.5 · winner" in by_rate.svg


def test_a_run_at_a_rung_shows_what_it_has(tmp_path: Path) -> None:
    folder = made(tmp_path / "build")
    for path in (folder / "out/sft-lr-1e-3").iterdir():
        path.unlink()
    (training,) = trainings(collect(folder))
    assert training.charts[0].svg.count('class="line') == 3
    assert training.missing == ("sft-lr-1e-3: not run",)


def test_a_card_counts_all_jobs_of_the_winner(tmp_path: Path) -> None:
    cards = Folder(made(tmp_path / "build"))
    winner = cards.run.find("sft-lr-1e-3")
    assert winner is not None
    text = card(cards, winner, "merged", published_as(cards, winner, "merged"))
    assert "| time | 40 s |" in text


def test_the_terminal_shows_what_a_grid_is_culled_by(tmp_path: Path) -> None:
    """Where the pick goes by something else."""
    folder = made(tmp_path / "build")
    path = folder / "out/sft-best/result.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"metric": "words"}))
    head, first = summary(folder, read_manifest(folder).jobs, 1.0).splitlines()[1:3]
    assert head.split() == ["lr", "words", "train", "loss", "held-out", "loss", "tokens/s", "time"]
    assert first.split()[:4] == ["1e-4", "–", "2.4000", "2.5000"]


def test_the_terminal_says_it_too(tmp_path: Path) -> None:
    folder = made(tmp_path / "build")
    lines = summary(folder, read_manifest(folder).jobs, 1.0).splitlines()
    assert lines[2].endswith("stopped at step 6 of 12, held-out loss 2.5000")
    assert lines[3].endswith("← winner") and lines[4].endswith("diverged at step 3")
