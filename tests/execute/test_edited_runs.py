"""A job whose file was edited by hand is run with a note, also when it is edited while it runs."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from shell_folder import Folder

from smolc.runtime.__main__ import main


def test_the_executor_runs_it_and_says_so(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    built = hashlib.sha256(b"a: 1\n").hexdigest()
    folder.job("a", files={"jobs/a/job.yaml": built})
    (tmp_path / "jobs/a/job.yaml").write_text("a: 2\n")
    # Edited again while it is at work: what comes of it is known by its hash.
    folder.job("a", files={"jobs/a/job.yaml": built}, shell="echo 'a: 3' > jobs/a/job.yaml")
    done = folder.run()
    assert done.returncode == 0, done.stderr
    assert "note: jobs/a/job.yaml was edited since smolc build: a is run as written there" in done.stdout


def test_a_job_may_be_started_from_its_own_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Folder(tmp_path)
    folder.job("a")
    (tmp_path / "jobs/a/job.yaml").write_text("a: 2\n")
    assert folder.run().returncode == 0
    for place, named in (
        (tmp_path, "jobs/a/job.yaml"),
        (tmp_path / "jobs", "a/job.yaml"),
        (tmp_path / "jobs/a", "job.yaml"),
    ):
        monkeypatch.chdir(place)
        assert main([named]) == 0
        assert capsys.readouterr().out == "a: already done\n"
