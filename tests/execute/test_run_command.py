"""`smolc run`: what it asks of the executor."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from compiling import SMALL

RECIPE = SMALL.replace("task words { data = chats }", "role = test\n  task words { data = unseen }").replace(
    "dataset pairs", 'dataset unseen { path = "unseen.jsonl"; role = test }\ndataset pairs'
)


def dry_run(folder: Path, *options: str) -> tuple[int, dict[str, str], str]:
    """Exit code, state by job, stderr."""
    (folder / "case.recipe").write_text(RECIPE)
    for name in ("chats.jsonl", "pairs.jsonl", "unseen.jsonl"):
        (folder / name).write_text('{"messages": []}\n')
    command = [sys.executable, "-m", "smolc.compiler.cli", "run", "case.recipe", "--dry-run", *options]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)
    table = done.stdout[done.stdout.find("\njob ") + 1 :].splitlines()[1:]
    rows = (re.split("  +", line) for line in table)
    return done.returncode, {row[0]: row[1] for row in rows if len(row) > 1}, done.stderr


def test_test_data_is_held_back_and_a_report_is_written(tmp_path: Path) -> None:
    code, states, _ = dry_run(tmp_path)
    assert code == 0
    assert states["final"] == "held back: run with --final"
    assert states["report"] == "waits for 6 jobs"


def test_final_asks_for_it(tmp_path: Path) -> None:
    _, states, _ = dry_run(tmp_path, "--final")
    assert states["final"].startswith("waits for")
    assert states["report"] == "waits for 7 jobs"


@pytest.mark.slow
def test_only_brings_what_the_jobs_need(tmp_path: Path) -> None:
    _, states, _ = dry_run(tmp_path, "--only", "sft", "--only", "dpo-data")
    assert {"base", "sft-data", "sft", "dpo-data"} <= set(states)
    assert not {"dpo", "final", "report"} & set(states)
    _, states, _ = dry_run(tmp_path, "--baseline", "--only", "dpo-baseline")
    assert {"sft-baseline-data", "sft-baseline", "dpo-baseline-data", "dpo-baseline"} <= set(states)
    assert not {"sft", "dpo", "report"} & set(states)


def test_fresh_is_passed_on(tmp_path: Path) -> None:
    code, _, said = dry_run(tmp_path, "--fresh", "sft", "--fresh", "sfd")
    assert code == 2
    assert "there is no job sfd\nhelp: did you mean sft?" in said


def test_an_unknown_job_is_told(tmp_path: Path) -> None:
    code, _, said = dry_run(tmp_path, "--only", "sft-dta")
    assert code == 2
    assert "there is no job sft-dta\nhelp: did you mean sft-data?" in said
