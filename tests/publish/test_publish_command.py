"""`publish` from a recipe's text to the command."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from compiling import SMALL

pytest.importorskip("huggingface_hub")

from smolc.compiler.cli import build, publish, run

START = SMALL.replace("task words { data = chats }", "task words { data = unseen }")
PUBLISH = """
dataset chats { license = "cc0-1.0" }
publish hub { of = dpo; to = "someone/words"; license = "mit"; language = "en" }
"""


@pytest.fixture(autouse=True)
def no_login(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_TOKEN_PATH", str(tmp_path / "none"))


def recipe(folder: Path, more: str = "") -> str:
    path = folder / "case.recipe"
    (folder / "small.recipe").write_text(
        f'smolc 1\n{START}\ndataset unseen {{ path = "unseen.jsonl"; role = test }}\n'
    )
    for name in ("chats.jsonl", "pairs.jsonl", "unseen.jsonl"):
        (folder / name).write_text('{"messages": []}\n')
    path.write_text(f'smolc 1\nextends "small.recipe"\nrecipe case {{ about = "it" }}\n{more}')
    return str(path)


def built(folder: Path, more: str = "", *sets: str) -> Path:
    arguments = [recipe(folder, more), "-o", str(folder / "built")]
    arguments += [word for one in sets for word in ("--set", one)]
    done = CliRunner().invoke(build.command, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return folder / "built"


def test_a_build_keeps_the_recipe_and_what_a_card_needs(tmp_path: Path) -> None:
    folder = built(tmp_path, PUBLISH, "publish.hub.private=false", "sft.batch=16seq")
    said = json.loads((folder / "card.json").read_text())
    assert (
        said["sources"] == {"chats": "cc0-1.0", "pairs": None, "unseen": None}
        and said["models"]["base"]["license"] is None
    )
    assert said["publish"]["hub"] == {
        "job": "dpo",
        "to": "someone/words",
        "private": False,
        "weights": "merged",
        "license": "mit",
        "language": ["en"],
    }
    text = (folder / "recipe.txt").read_text()
    assert "extends" not in text and "16seq" in text and "publish hub {" in text


def test_where_it_goes_and_under_which_licence_trains_nothing_anew(tmp_path: Path) -> None:
    def hashes(more: str) -> dict[str, str]:
        manifest = json.loads((built(tmp_path, more) / "manifest.json").read_text())
        return {job["id"]: job["hash"] for job in manifest["jobs"]}

    assert hashes("") == hashes(PUBLISH)


def test_a_run_that_could_not_publish_does_not_begin(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    arguments = [recipe(tmp_path, PUBLISH), "-o", str(tmp_path / "built"), "--publish"]
    assert CliRunner().invoke(run.command, arguments).exit_code == 1
    assert "there is no token for the hub" in capfd.readouterr().err
    assert not (tmp_path / "built/out").exists()


def test_a_recipe_that_was_not_run_is_not_pushed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    arguments = [recipe(tmp_path, PUBLISH), "-o", str(tmp_path / "built"), "--dry-run"]
    assert CliRunner().invoke(publish.command, arguments).exit_code == 1
    assert "error: someone/words: dpo is not done: run the recipe first" in capfd.readouterr().err


def test_what_pushes_ends_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It waits for the token: as soon as the pipe has a reader, it is at work."""
    pipe = tmp_path / "token"
    os.mkfifo(pipe)
    monkeypatch.setenv("HF_TOKEN_PATH", str(pipe))
    folder = built(tmp_path, PUBLISH)
    run = subprocess.Popen([sys.executable, "-m", "smolc.compiler.cli", "publish", str(folder)])
    with pipe.open("wb", buffering=0) as token:
        run.send_signal(signal.SIGTERM)
        assert run.wait(20) == 128 + signal.SIGTERM
        with pytest.raises(BrokenPipeError):
            token.write(b"hf_x")
