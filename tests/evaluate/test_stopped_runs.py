"""Runs of a grid that left no model, among those that are evaluated."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from evaluated import compiled, outputs, own_task, save_model, subject

from smolc.runtime.evaluate.run import run
from smolc.runtime.jobs.errors import JobError

STOPPED = {"model": None, "stopped": True, "why": "stopped at step 12 of 24", "eval_loss": 3.0}
DIVERGED = {"diverged": True, "why": "the loss became nan at step 3 of 24", "eval_loss": None}


def left(folder: Path, job: str, result: dict[str, Any]) -> dict[str, Any]:
    (folder / "out" / job).mkdir(parents=True)
    (folder / "out" / job / "result.json").write_text(json.dumps(result))
    return subject(job)


def test_only_whole_runs_are_evaluated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_model(tmp_path, "base")
    runs = [left(tmp_path, "slow", STOPPED), left(tmp_path, "wild", DIVERGED), subject("base")]
    context = compiled(tmp_path, [own_task(subset=1)], runs)
    run(context)
    assert {row["model"] for row in outputs(context)[0]["rows"]} == {"base"}
    said = capsys.readouterr().out
    assert "slow: not evaluated, since it was stopped at step 12 of 24\n" in said
    assert "wild: not evaluated, since its training diverged\n" in said


def test_none_is_left(tmp_path: Path) -> None:
    runs = [left(tmp_path, "slow", STOPPED), left(tmp_path, "wild", DIVERGED)]
    with pytest.raises(JobError, match="each of these runs diverged, or was stopped"):
        run(compiled(tmp_path, [own_task()], runs))
