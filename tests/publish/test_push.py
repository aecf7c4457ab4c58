"""What is pushed, where, and above all when not."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_hub import COMMIT, Hub
from shared import WINNER, change_job, hub, parts, run_folder

huggingface_hub = pytest.importorskip("huggingface_hub")

from smolc.runtime.publish.__main__ import main  # noqa: E402

TOKEN = "hf_" + "q7" * 17
PUSHED = {
    "README.md",
    "chat_template.jinja",
    "config.json",
    "generation_config.json",
    "model.safetensors",
    "tokenizer.json",
}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    from huggingface_hub import constants

    with Hub() as one:
        monkeypatch.setattr(constants, "ENDPOINT", one.address)
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        yield one


def test_a_model_goes_where_the_recipe_says(
    server: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = run_folder(tmp_path / "run", hub())
    (folder / "out/dpo/model/notes.txt").write_text("not a part of a model")
    (folder / "out/dpo/model/extra.json").symlink_to("/etc/hostname")
    assert main([str(folder)]) == 0
    private, files = server.repos["someone/words"]
    assert private and set(files) == PUSHED
    assert files["model.safetensors"] == b"weights of dpo"
    front, body = parts(files["README.md"].decode())
    assert front["model-index"][0]["name"] == "words" and 'from_pretrained("someone/words"' in body
    assert {token for *_, token in server.seen} <= {f"Bearer {TOKEN}", ""}
    line = json.loads((folder / "out/.published.jsonl").read_text())
    assert line["to"] == "someone/words" and line["commit"].endswith(COMMIT)
    said = capsys.readouterr()
    everything = said.out + said.err
    everything += "".join(p.read_text(errors="replace") for p in folder.rglob("*") if p.is_file())
    assert TOKEN not in everything


def test_old_weights_go_and_what_people_added_stays(server: Hub, tmp_path: Path) -> None:
    old = {"model-00001-of-00002.safetensors": b"old", "LICENSE": b"text", "curve.png": b"image"}
    server.repos["someone/words"] = (True, dict(old))
    assert main([str(run_folder(tmp_path / "run", hub()))]) == 0
    assert set(server.repos["someone/words"][1]) == PUSHED | {"LICENSE", "curve.png"}


def test_a_dry_run_tells_all_and_calls_nobody(
    server: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    assert main([str(run_folder(tmp_path / "run", hub(job="sft.pick"))), "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("someone/words (private, made if it is not there): sft.pick, 6 files, ")
    assert f"  model.safetensors {len(f'weights of {WINNER}'):>20} bytes" in said
    assert "  | # words" in said and said.endswith("nothing was uploaded\n")
    assert server.seen == []


def failed_check(folder: Path) -> None:
    entry = next(e for e in json.loads((folder / "manifest.json").read_text())["jobs"] if e["kind"] == "gate")
    (folder / "out" / entry["id"] / "done.json").unlink()
    (folder / "out" / entry["id"] / "failed.json").write_text(
        json.dumps({"hash": entry["hash"], "exit_code": 1, "seconds": 1.0})
    )


def held_back(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    next(e for e in manifest["jobs"] if e["id"] == "final")["final"] = True
    (folder / "manifest.json").write_text(json.dumps(manifest))
    for job in ("final", "final.expect"):
        (folder / "out" / job / "done.json").unlink()


def changed_recipe(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    next(e for e in manifest["jobs"] if e["id"] == "dpo")["hash"] = "another"
    (folder / "manifest.json").write_text(json.dumps(manifest))


def token_in_recipe(folder: Path) -> None:
    (folder / "recipe.txt").write_text(f"# {TOKEN}\n")


def path_in_recipe(folder: Path) -> None:
    (folder / "recipe.txt").write_text(f'path = "{folder.resolve()}/data"\n')


def adapter_of_a_local_model(folder: Path) -> None:
    card = json.loads((folder / "card.json").read_text())
    card["publish"]["hub"]["weights"] = "adapter"
    (folder / "card.json").write_text(json.dumps(card))
    (folder / "out/dpo/adapter").mkdir()
    (folder / "out/dpo/adapter/adapter_model.safetensors").write_bytes(b"x")
    (folder / "out/dpo/adapter/adapter_config.json").write_text("{}")


def no_block(folder: Path) -> None:
    (folder / "card.json").write_text("{}")


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (failed_check, "final.expect failed: what the recipe expects does not hold"),
        (held_back, "final.expect waits for an eval on test data: smolc run --final measures it"),
        (changed_recipe, "dpo is not done: run the recipe first"),
        (token_in_recipe, "README.md has a token of the hub in it: nothing was pushed"),
        (path_in_recipe, "README.md names a folder of this machine"),
        (adapter_of_a_local_model, "the adapter belongs to a model that is not on the hub"),
        (no_block, "the recipe does not say where its models may be pushed to"),
    ],
)
def test_refused_before_anything_is_sent(
    spoil: Any, why: str, server: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = run_folder(tmp_path / "run", hub())
    spoil(folder)
    assert main([str(folder)]) == 1
    assert why in capsys.readouterr().err
    assert server.seen == [] and not (folder / "out/.published.jsonl").exists()


def test_one_that_is_refused_holds_the_others_back(server: Hub, tmp_path: Path) -> None:
    more = hub(job="sft.pick", to="someone/sft") | {"more": hub()["hub"]}
    folder = run_folder(tmp_path / "run", more)
    changed_recipe(folder)
    assert main([str(folder)]) == 1 and server.seen == []
    assert main([str(folder), "nobody"]) == 1


@pytest.mark.parametrize("there", [True, False], ids=["it was there", "its owner's are public"])
def test_a_private_model_is_never_shown(
    there: bool, server: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if there:
        server.repos["someone/words"] = (False, {})
    server.forced = True
    assert main([str(run_folder(tmp_path / "run", hub()))]) == 1
    assert "someone/words is public, and the recipe says private = true" in capsys.readouterr().err
    assert server.repos["someone/words"] == (False, {})


@pytest.mark.parametrize(
    ("status", "why"),
    [(401, "the hub does not know this token"), (403, "this token may not write to someone/words")],
)
def test_what_the_hub_says_no_to(
    status: int, why: str, server: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server.status = status
    assert main([str(run_folder(tmp_path / "run", hub()))]) == 1
    said = capsys.readouterr().err
    assert why in said and "hf auth login" in said and TOKEN not in said


def test_without_a_token_a_network_or_a_hub(
    server: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    folder = run_folder(tmp_path / "run", hub())
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:1")
    assert main([str(folder)]) == 1
    assert "the hub cannot be reached" in capsys.readouterr().err
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert main([str(folder)]) == 1
    assert "HF_HUB_OFFLINE" in capsys.readouterr().err
    monkeypatch.delenv("HF_TOKEN")
    assert main([str(folder), "--check"]) == 1
    assert "there is no token for the hub\nhelp: hf auth login" in capsys.readouterr().err
    assert server.seen == []


def test_an_adapter_goes_with_the_name_of_its_base(server: Hub, tmp_path: Path) -> None:
    """And without where that lay here."""
    folder = run_folder(tmp_path / "run", hub(job="sft.pick", weights="adapter"))
    change_job(folder, "base", source={"type": "hub", "id": "some/base", "revision": "b" * 40})
    adapter = folder / "out" / WINNER / "adapter"
    adapter.mkdir()
    (adapter / "adapter_model.safetensors").write_bytes(b"x")
    config = {"base_model_name_or_path": str(folder / "out/base/model"), "revision": None, "r": 4}
    (adapter / "adapter_config.json").write_text(json.dumps(config))
    assert main([str(folder)]) == 0
    files = server.repos["someone/words"][1]
    assert set(files) == {"README.md", "adapter_config.json", "adapter_model.safetensors"}
    said = json.loads(files["adapter_config.json"])
    assert said == {"base_model_name_or_path": "some/base", "revision": "b" * 40, "r": 4}
    assert parts(files["README.md"].decode())[0]["base_model"] == ["some/base"]
    assert json.loads((adapter / "adapter_config.json").read_text()) == config
