"""Evals on test data: held back until `--final`, and counted."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from shell_folder import Folder

from smolc.runtime.jobs.looks import looks, note_look
from smolc.runtime.jobs.manifest import Entry, read_manifest


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path)
    recipe(folder)
    return folder


def recipe(folder: Folder, hash: str = "h") -> None:
    folder.jobs = []
    folder.job("sft")
    folder.job("final", ("sft",), kind="evaluate", final=True, hash=hash)
    folder.job("final-expect", ("final",), kind="gate")
    folder.job("report", ("sft", "final"), kind="report")


def test_without_final_all_else_is_run(folder: Folder) -> None:
    done = folder.run()
    assert done.returncode == 0, done.stderr
    assert folder.order() == ["sft", "report"]
    assert "final: held back: run with --final\nfinal-expect: held back: run with --final\n" in done.stdout
    assert "held back, since test data is for the end: final, final-expect; --final runs them" in done.stdout
    assert looks(folder.path) == {}
    again = folder.run()
    assert again.returncode == 0
    assert folder.order() == []
    assert "report: already done" in again.stdout


def test_final_runs_it_and_writes_the_report_anew(folder: Folder) -> None:
    folder.run()
    folder.order()
    done = folder.run("--final")
    assert done.returncode == 0, done.stderr
    assert folder.order() == ["final", "final-expect", "report"]
    assert "the test set of final was looked at once" in done.stdout
    assert "warning" not in done.stdout


@pytest.mark.slow
def test_what_is_done_is_neither_held_back_nor_counted_again(folder: Folder) -> None:
    folder.run("--final")
    folder.order()
    for options in ((), ("--final",)):
        again = folder.run(*options)
        assert folder.order() == []
        assert "held back" not in again.stdout
        assert "final-expect: already done" in again.stdout
    assert looks(folder.path) == {"final": 1}


@pytest.mark.slow
def test_a_changed_eval_is_held_back_again_and_another_look_is_warned_of(folder: Folder) -> None:
    folder.run("--final")
    recipe(folder, hash="changed")
    folder.order()
    assert "final: held back" in folder.run().stdout
    assert folder.order() == []
    again = folder.run("--final")
    assert "warning: the test set of final was looked at once before" in again.stdout
    assert "the test set of final was looked at twice" in again.stdout
    assert looks(folder.path) == {"final": 2}


@pytest.mark.slow
def test_what_it_needs_made_again_from_the_same_does_not_hold_it_back(folder: Folder) -> None:
    folder.run("--final")
    folder.order()
    (folder.path / "out" / "sft" / "done.json").unlink()
    done = folder.run()
    assert folder.order() == ["sft"]
    assert "final: already done" in done.stdout
    assert "held back" not in done.stdout


def test_it_alone_is_held_back_too(folder: Folder) -> None:
    done = folder.run("--only", "final-expect")
    assert done.returncode == 0
    assert folder.order() == ["sft"]
    assert "final-expect: held back: run with --final" in done.stdout


@pytest.mark.parametrize(
    ("options", "states"),
    [
        ((), ["would run", "held back: run with --final", "held back: run with --final", "waits for sft"]),
        (("--final",), ["would run", "waits for sft", "waits for final", "waits for sft, final"]),
    ],
)
def test_a_dry_run_says_what_would_be_held_back(
    folder: Folder, options: tuple[str, ...], states: list[str]
) -> None:
    rows = folder.run("--dry-run", *options).stdout.splitlines()[1:]
    assert [re.split("  +", row)[1] for row in rows] == states


def test_looks_are_counted_by_the_job_itself(tmp_path: Path) -> None:
    """However it is started: here as its launch.sh does."""
    folder = Folder(tmp_path)
    folder.job("final-expect", kind="gate", final=True)
    head = {"id": "final-expect", "kind": "gate", "title": "t", "stage": None, "needs": [], "seed": 1}
    check = {"text": "a.b > 0", "left": "a.b", "operator": ">", "terms": [[1, 0.0]]}
    job = {**head, "device": "cpu", "scores": "scores", "checks": [check]}
    (tmp_path / "jobs" / "final-expect" / "job.yaml").write_text(yaml.safe_dump(job))
    scores = tmp_path / "out" / "scores"
    scores.mkdir(parents=True)
    command = [sys.executable, "-m", "smolc.runtime", "jobs/final-expect/job.yaml"]
    for value, code, seen in ((-1.0, 1, {}), (1.0, 0, {"final-expect": 1}), (1.0, 0, {"final-expect": 1})):
        rows = [{"model": "a", "task": "b", "value": value}]
        (scores / "results.json").write_text(json.dumps({"rows": rows}))
        done = subprocess.run(command, cwd=tmp_path, env=dict(os.environ), capture_output=True, timeout=60)
        assert done.returncode == code
        assert looks(tmp_path) == seen


def test_lines_that_are_no_looks_are_not_counted(folder: Folder) -> None:
    manifest = read_manifest(folder.path)
    entry = next(e for e in manifest.jobs if e.final)
    assert isinstance(entry, Entry)
    (folder.path / "out").mkdir()
    (folder.path / "out" / ".final.jsonl").write_text('nonsense\n[1]\n{"job": 3}\n')
    note_look(folder.path, manifest, entry)
    note_look(folder.path, manifest, entry)
    assert looks(folder.path) == {"final": 2}
