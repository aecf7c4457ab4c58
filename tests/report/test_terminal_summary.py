from __future__ import annotations

from pathlib import Path

from fake_folder import fake_folder

from smolc.runtime.execute.summary import partial_report, summary
from smolc.runtime.jobs.manifest import read_manifest


def test_the_end_of_a_run(tmp_path: Path) -> None:
    fake_folder(tmp_path).finish()
    lines = summary(tmp_path, read_manifest(tmp_path).jobs, 75).splitlines()
    assert lines[0] == "grid of sft"
    assert [line.endswith("← winner") for line in lines[2:5]] == [False, True, False]
    assert lines[4].endswith("diverged")
    assert "  reverse  0.0% ± 0.0  96.5% ± 1.3  97.0% ± 1.2  200" in lines
    assert any(line.split()[:4] == ["reverse", "60.0%", "61.4%", "62.2%"] for line in lines)
    assert lines[-2].startswith("done in 1 min 15 s; the jobs took 1 min")
    assert lines[-1] == f"report: {tmp_path / 'report.html'}"


def test_a_failed_run_has_a_report_of_what_there_is(tmp_path: Path) -> None:
    fake_folder(tmp_path).finish(but=("dpo",))
    assert partial_report(tmp_path, read_manifest(tmp_path))
    assert "did not run" in (tmp_path / "report.html").read_text()
