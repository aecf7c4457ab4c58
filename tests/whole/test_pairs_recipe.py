"""recipes/pairs.recipe as it stands: a model's own answers, checked, paired and trained on, make it better."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from smolc.compiler.cli.main import command

RECIPES = Path(__file__).parents[2] / "recipes"


@pytest.mark.slow
@pytest.mark.long
def test_right_over_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(RECIPES / "pairs.recipe", tmp_path)
    shutil.copytree(RECIPES / "quickstart", tmp_path / "quickstart")
    said = CliRunner().invoke(command, ["run", str(tmp_path / "pairs.recipe")])
    assert said.exit_code == 0, said.output
    out = tmp_path / "build" / "pairs" / "out"
    made = json.loads((out / "right_over_wrong" / "result.json").read_text())
    assert made["pairs"] == made["prompts_paired"] > 100 and made["by"]["answers"]["wrong"] > 100
    rows = json.loads((out / "check" / "results.json").read_text())["rows"]
    score = {row["model"]: row["value"] for row in rows if row["task"] == "reversed"}
    assert score["dpo"] > score["sft"] + 0.1
    report = (tmp_path / "build" / "pairs" / "report.html").read_text()
    assert 'id="pairs"' in report and "right_over_wrong" in report
