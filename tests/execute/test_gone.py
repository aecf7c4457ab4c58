"""Done jobs of which something is gone since: what runs again, and what is said."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from shell_folder import Folder

from smolc.runtime.execute.gone import gone_note
from smolc.runtime.jobs.done import is_done, read_done
from smolc.runtime.jobs.left import left_by, loss, missed
from smolc.runtime.jobs.manifest import read_manifest

MODEL = """
mkdir -p out/{0}/model
echo weights > out/{0}/model/model.safetensors
echo 1 > out/{0}/model/config.json
echo '{{"model": {{"out": "{0}/model"}}}}' > out/{0}/result.json
"""


def model(folder: Folder, id: str, needs: tuple[str, ...] = (), **entry_of: object) -> None:
    folder.job(id, needs, MODEL.format(id), **entry_of)


def small(folder: Folder, hash: str = "h") -> None:
    """base, sft, dpo; two evals, one on test data; a report. hash: of the first eval."""
    folder.jobs = []
    model(folder, "base", kind="model")
    model(folder, "sft", ("base",))
    model(folder, "dpo", ("sft",))
    folder.job("check", ("base", "dpo"), "echo 1 > out/check/results.json", hash, kind="evaluate")
    folder.job("final", ("sft",), "echo 1 > out/final/results.json", kind="evaluate", final=True)
    folder.job("report", ("base", "sft", "dpo", "check", "final"), kind="report")


def weights(folder: Folder, id: str) -> Path:
    return folder.path / "out" / id / "model/model.safetensors"


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    folder = Folder(tmp_path)
    small(folder)
    went = folder.run()
    assert went.returncode == 0, went.stderr
    assert folder.order() == ["base", "sft", "dpo", "check", "report"]
    return folder


@pytest.mark.slow
def test_what_nothing_needs_is_told_and_not_made_again(folder: Folder) -> None:
    for id in ("base", "sft", "dpo"):
        weights(folder, id).unlink()
    went = folder.run()
    assert went.returncode == 0
    assert folder.order() == [] and went.stdout.count("already done") == 5
    note = next(line for line in went.stdout.splitlines() if line.startswith("note: "))
    assert note.startswith("note: base ran, but out/base/model/model.safetensors is gone since; sft ran, but")
    assert note.endswith(
        "Nothing that has to run needs them: smolc run RECIPE --fresh base --fresh sft --fresh dpo makes them again"
    )
    looked = folder.run("--dry-run").stdout
    assert note in looked.splitlines() and "would run" not in looked


@pytest.mark.slow
def test_what_a_job_that_runs_needs_is_made_again_with_what_that_needs(folder: Folder) -> None:
    small(folder, hash="other")
    for id in ("sft", "dpo"):
        weights(folder, id).unlink()
    looked = folder.run("--dry-run").stdout
    went = folder.run()
    assert went.returncode == 0, went.stderr
    # The dpo's model is made from the sft's, which is gone; the base's is there.
    assert folder.order() == ["sft", "dpo", "check", "report"]
    for line in (
        "sft ran, but out/sft/model/model.safetensors is gone since, and dpo needs that: it runs again",
        "dpo ran, but out/dpo/model/model.safetensors is gone since, and check needs that: it runs again",
    ):
        assert line in went.stdout.splitlines() and f"note: {line}" in looked.splitlines()
    assert "base: already done" in went.stdout and "Nothing that has to run" not in went.stdout
    found = {
        line.split()[0]: line.split("  title")[0].split(None, 1)[1].strip()
        for line in looked.splitlines()[1:6]
    }
    assert found["base"] == "done" and found["sft"] == "would run" and found["dpo"] == "waits for sft"
    assert folder.run().stdout.count("already done") == 5


@pytest.mark.slow
def test_weights_of_a_stage_whose_successor_is_done_stay_away(folder: Folder) -> None:
    small(folder, hash="other")
    weights(folder, "sft").unlink()
    went = folder.run()
    assert went.returncode == 0
    assert folder.order() == ["check", "report"]
    assert "Nothing that has to run needs it: smolc run RECIPE --fresh sft makes it again" in went.stdout


@pytest.mark.slow
def test_a_person_may_ask_for_it(folder: Folder) -> None:
    weights(folder, "sft").unlink()
    weights(folder, "dpo").unlink()
    went = folder.run("--only", "sft")
    assert folder.order() == ["sft"]
    assert "sft ran, but out/sft/model/model.safetensors is gone since: it runs again" in went.stdout
    went = folder.run("--fresh", "dpo")
    assert folder.order() == ["dpo"]  # what was made from what it left before stays done
    assert went.stdout.count("already done") == 4 and "gone" not in went.stdout


@pytest.mark.slow
def test_test_data_needs_it_with_final_only(folder: Folder) -> None:
    weights(folder, "sft").unlink()
    assert "smolc run RECIPE --fresh sft" in folder.run().stdout
    assert folder.order() == []
    went = folder.run("--final")
    assert "and final needs that: it runs again" in went.stdout
    assert folder.order() == ["sft", "final", "report"]
    # Nor is test data looked at again because its scores are gone.
    (folder.path / "out/final/results.json").unlink()
    shutil.rmtree(folder.path / "out/report")
    for options in (["--dry-run"], []):
        assert "smolc run RECIPE --fresh final" in folder.run(*options).stdout
    assert folder.order() == ["report"]
    folder.run("--final", "--only", "report")
    assert folder.order() == []
    shutil.rmtree(folder.path / "out/report")
    folder.run("--final")
    assert folder.order() == ["final", "report"]


@pytest.mark.slow
def test_a_report_needs_results_and_no_weights(folder: Folder) -> None:
    shutil.rmtree(folder.path / "out/report")
    weights(folder, "sft").unlink()
    (folder.path / "out/check/results.json").unlink()
    folder.run()
    # The eval runs again; of what it needs all is there.
    assert folder.order() == ["check", "report"]


@pytest.mark.slow
def test_another_size_counts_and_no_list_does_not(folder: Folder) -> None:
    weights(folder, "dpo").write_text("more weights\n")
    small(folder, hash="other")
    assert "dpo ran, but out/dpo/model/model.safetensors has another size since, and" in folder.run().stdout
    assert folder.order() == ["dpo", "check", "report"]
    path = folder.path / "out/dpo/done.json"
    old = json.loads(path.read_text())
    del old["left"]
    path.write_text(json.dumps(old))
    weights(folder, "dpo").unlink()
    small(folder, hash="third")
    assert "gone" not in folder.run().stdout
    assert folder.order() == ["check", "report"]


@pytest.mark.slow
def test_a_config_that_was_mended_by_hand_trains_nothing_again(folder: Folder) -> None:
    (folder.path / "out/dpo/model/config.json").write_text("another one\n")
    small(folder, hash="other")
    assert "another size" not in folder.run().stdout
    assert folder.order() == ["check", "report"]


def grid(folder: Folder, winner: str, hash: str = "h") -> None:
    folder.jobs = []
    for id in ("one", "two", "three"):
        model(folder, id)
    shell = f"""echo '{{"model": {{"out": "{winner}/model"}}}}' > out/best/result.json"""
    folder.job("best", ("one", "two", "three"), shell, hash, kind="pick")
    model(folder, "dpo", ("best",))


@pytest.mark.slow
def test_a_winner_is_needed_by_who_needs_the_pick(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    grid(folder, "one")
    folder.run()
    for id in ("one", "two", "three"):
        weights(folder, id).unlink()
    weights(folder, "dpo").unlink()
    folder.order()
    assert "and dpo needs that" in folder.run("--only", "dpo").stdout
    assert folder.order() == ["one", "dpo"]
    assert "and dpo needs that" not in folder.run("--only", "best").stdout
    # Of another pick it turns out while it runs whose model that is, and that the dpo has to run.
    grid(folder, "two", hash="other")
    weights(folder, "one").unlink()
    went = folder.run()
    assert went.returncode == 0, went.stderr
    assert folder.order() == ["best", "two", "dpo"]
    assert went.stdout.count("two ran, but out/two/model/model.safetensors is gone since, and dpo needs") == 1
    assert "one ran, but" in went.stdout.splitlines()[-1] and "three ran" in went.stdout.splitlines()[-1]


@pytest.mark.slow
def test_what_may_turn_out_to_be_done_needs_nothing_yet(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    grid(folder, "one")
    folder.run()
    folder.order()
    # Made again, and the same as before: so the dpo, which would need the winner's model, stays done.
    (folder.path / "out/best/done.json").unlink()
    weights(folder, "one").unlink()
    assert "dpo: already done" in folder.run().stdout
    assert folder.order() == ["best"]


def test_what_is_listed(tmp_path: Path) -> None:
    out = tmp_path / "out/sft"
    for name in (
        "model/model.safetensors",
        "model/README.md",
        "adapter/adapter_model.safetensors",
        "checkpoints/checkpoint-4/model.safetensors",
        "checkpoints/checkpoint-2/model.safetensors",
        "train/data-00000-of-00001.arrow",
        "train/cache-1f.arrow",
        "tokenizer/tokenizer.json",
        "tokenizer/.tokenizer.json.1",
        "answers.jsonl",
        "log.txt",
        "metrics.jsonl",
    ):
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text("12345")
    rows = ["answers.jsonl", "tokenizer/tokenizer.json", "train/data-00000-of-00001.arrow"]
    # Without a model of this run the one that is there is an older one's.
    assert left_by(tmp_path, "sft") == dict.fromkeys(rows, 5)
    said = {"model": {"out": "sft/model"}, "rung": None}
    (out / "result.json").write_text(json.dumps(said))
    made = {*rows, "result.json", "model/model.safetensors", "adapter/adapter_model.safetensors"}
    assert left_by(tmp_path, "sft").keys() == made
    (out / "result.json").write_text(json.dumps({"model": None, "rung": {"step": 4, "of": 8}}))
    part = {*rows, "result.json", "checkpoints/checkpoint-4/model.safetensors"}
    assert left_by(tmp_path, "sft").keys() == part


@pytest.mark.slow
def test_a_job_of_which_something_is_gone_is_not_done(folder: Folder) -> None:
    manifest = read_manifest(folder.path)
    of = {entry.id: entry for entry in manifest.jobs}
    assert is_done(folder.path, manifest, of["sft"]) and loss(folder.path, "sft") is None
    weights(folder, "sft").unlink()
    (folder.path / "out/sft/model/config.json").unlink()
    assert not is_done(folder.path, manifest, of["sft"]) and is_done(folder.path, manifest, of["dpo"])
    lost = loss(folder.path, "sft")
    assert lost is not None
    assert lost.said() == "out/sft/model/model.safetensors is gone since, and 1 more of its files"
    assert missed(folder.path, of["dpo"]) == [lost] and missed(folder.path, of["report"]) == []
    assert gone_note(folder.path, ["base"]) == []
    # What somebody else wrote there is no list.
    for said in (None, [], {"model/model.safetensors": "x"}, {"\0": 1}, {"model": {}}):
        done = {**(read_done(folder.path, "dpo") or {}), "left": said}
        (folder.path / "out/dpo/done.json").write_text(json.dumps(done))
        assert len(gone_note(folder.path, ["dpo"])) <= 1
