from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from fake_folder import fake_folder

from smolc.runtime.execute.summary import partial_report, summary
from smolc.runtime.jobs.manifest import read_manifest


def test_the_end_of_a_run(tmp_path: Path) -> None:
    fake_folder(tmp_path).finish()
    lines = summary(tmp_path, read_manifest(tmp_path).jobs, 75).splitlines()
    assert lines[0] == "grid of sft"
    assert [line.endswith("← winner") for line in lines[2:5]] == [False, True, False]
    assert lines[4].endswith("diverged")
    assert "  reverse   0.0% [0.0, 8.8]  95.0% [83.5, 98.6]  97.5% [87.1, 99.6]  40" in lines
    assert any(line.split()[:4] == ["reverse", "60.0%", "61.4%", "62.2%"] for line in lines)
    assert lines[-2].startswith("done in 1 min 15 s; the jobs took 2 min")
    assert lines[-1] == f"report: {tmp_path / 'report.html'}"


def test_a_failed_run_has_a_report_of_what_there_is(tmp_path: Path) -> None:
    fake_folder(tmp_path).finish(but=("dpo",))
    assert partial_report(tmp_path, read_manifest(tmp_path))
    assert "did not run" in (tmp_path / "report.html").read_text()


def test_shares_are_told_in_what_they_are_shares_of(tmp_path: Path) -> None:
    fake_folder(tmp_path).finish()
    path = tmp_path / "out/sft.data/stats.json"
    stats = json.loads(path.read_text()) | {"basis": "trained"}
    for source, trained in zip(stats["sources"], (600, 300, 100), strict=True):
        source["trained_tokens"] = trained
    path.write_text(json.dumps(stats))
    said = summary(tmp_path, read_manifest(tmp_path).jobs, 75)
    assert "  source " in said and "declared  of trained  of tokens  of rows" in said
    assert any(line.split()[:4] == ["reverse", "60.0%", "60.0%", "61.4%"] for line in said.splitlines())
    assert partial_report(tmp_path, read_manifest(tmp_path))
    assert "of trained tokens" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(
    ("weight", "said"),
    [
        ({"type": "take", "fraction": 0.5, "rows": None}, "50% of it"),
        ({"type": "take", "fraction": None, "rows": 1000}, "1,000 rows"),
        ({"type": "take", "fraction": None, "rows": None, "tokens": 200_000}, "200,000 tokens"),
        ({"type": "all"}, "all of it"),
        ({"type": "all", "at_most_tokens": 100_000}, "up to 100,000 tokens"),
        ({"type": "all", "at_most_rows": 1000}, "up to 1,000 rows"),
    ],
)
def test_what_was_declared(tmp_path: Path, weight: dict[str, Any], said: str) -> None:
    folder = fake_folder(tmp_path)
    folder.finish()
    path = tmp_path / "jobs/sft.data/job.yaml"
    job = yaml.safe_load(path.read_text())
    job["sources"][0]["weight"] = weight
    path.write_text(yaml.safe_dump(job))
    path = tmp_path / "out/sft.data/stats.json"
    stats = json.loads(path.read_text())
    stats["sources"][0]["declared_share"] = None
    path.write_text(json.dumps(stats))
    lines = summary(tmp_path, read_manifest(tmp_path).jobs, 75).splitlines()
    assert any(line.split("  ")[1] == "reverse" and said in line for line in lines if line.startswith("  r"))
