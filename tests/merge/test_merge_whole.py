"""From a recipe to scores of merged models, through the jobs as they are started."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from compiling import planned
from merging import model, tensors

from smolc.compiler.render import files, write
from smolc.runtime.__main__ import main

RECIPE = """
recipe small { }
model a { path = "a" }
model b { path = "b" }
dataset words { path = "words.jsonl" }
merge soup { of = [a, b]; method = linear(weights = [90%, 10%]) }
merge arc { of = [soup, b]; method = slerp(at = 50%); like = b }
eval last {
  of = [a, soup, arc]
  decode = greedy(max_new = 2)
  contamination = none
  task words { data = words }
}
"""


@pytest.mark.slow
def test_merged_models_are_measured_beside_what_they_are_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed, name in enumerate("ab", 1):
        model(tmp_path / "made", name, seed)
        (tmp_path / "made/out" / name / "model").rename(tmp_path / name)
    turns = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}]
    (tmp_path / "words.jsonl").write_text(json.dumps({"messages": turns}) + "\n")
    made = planned(tmp_path, RECIPE)
    write(tmp_path / "built", files(made, "..", "case.recipe"))
    monkeypatch.chdir(tmp_path / "built")
    for job in made.jobs:
        assert main([f"jobs/{job.id}/job.yaml"]) == 0, capsys.readouterr()
    rows = json.loads(Path("out/last/results.json").read_text())["rows"]
    losses = {row["model"]: row["value"] for row in rows if row["task"] == "words_loss"}
    assert list(losses) == ["a", "soup", "arc"] and len(set(losses.values())) == 3
    assert tensors(Path("out/arc/model")).keys() == tensors(Path("out/soup/model")).keys()
    assert "Merged models" in Path("report.html").read_text()
    # Nothing changed: it is not done again.
    assert main(["jobs/soup/job.yaml"]) == 0
    assert "already done" in capsys.readouterr().out
    # Another input, and it is.
    model(tmp_path / "made", "b", 3)
    (tmp_path / "made/out/b/model/model.safetensors").replace(tmp_path / "b/model.safetensors")
    for id in ("b", "soup"):
        assert main([f"jobs/{id}/job.yaml"]) == 0
    assert "already done" not in capsys.readouterr().out


def test_what_cannot_be_merged_ends_with_a_line_for_a_person(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed, name in enumerate("ab", 1):
        model(tmp_path / "made", name, seed, num_hidden_layers=seed)
        (tmp_path / "made/out" / name / "model").rename(tmp_path / name)
    made = planned(tmp_path, RECIPE[: RECIPE.index("merge arc")])
    write(tmp_path / "built", files(made, "..", "case.recipe"))
    monkeypatch.chdir(tmp_path / "built")
    assert [main([f"jobs/{id}/job.yaml"]) for id in ("a", "b", "soup")] == [0, 0, 1]
    said = capsys.readouterr().err
    assert "error: `a` and `b` have different configs" in said and "help: " in said
    assert not Path("out/soup/done.json").exists()
