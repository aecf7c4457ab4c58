"""How `smolc compare` and `smolc inspect` are told which run."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from eval_folder import EvalFolder, own_task, results, rows_of, said

from smolc.compiler.cli.compare import command, found_run
from smolc.compiler.cli.inspect import command as inspect


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    spoken = said("sft", "words", [1.0, 0.0])
    made = EvalFolder(tmp_path / "build" / "tiny")
    made.evaluate("final", [own_task("words")], spoken, results(rows_of(spoken)))
    (tmp_path / "file.recipe").write_text('smolc 1\nrecipe tiny {\n  about = "x"\n}\n')
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("run", "folder"),
    [
        ("build/tiny", "build/tiny"),
        ("tiny", "build/tiny"),
        ("tiny:sft", "build/tiny:sft"),
        ("tiny.recipe", "build/tiny"),
    ],
)
def test_a_run_has_many_names(built: Path, run: str, folder: str) -> None:
    assert found_run(run) == folder


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["tiny", "tinny"],
            "tinny: no compiled folder, nor a recipe that was built to build/NAME; did you mean `tiny`?",
        ),
        (["tiny", "other:sft"], "there are: tiny"),
        (["tiny"], "name at least two runs"),
    ],
)
def test_a_run_that_is_not_there(built: Path, arguments: list[str], message: str) -> None:
    done = CliRunner().invoke(command, arguments)
    assert done.exit_code == 2
    assert message in done.output


def test_the_runtime_answers(built: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert CliRunner().invoke(command, ["tiny", "tiny:sft"]).exit_code == 0
    assert "sft    words  exact_match" in capfd.readouterr().out
    assert CliRunner().invoke(inspect, ["tiny", "final", "--failures"]).exit_code == 0
    assert "[1] words-1" in capfd.readouterr().out
    assert CliRunner().invoke(inspect, ["tiny", "fina"]).exit_code == 2
    assert "did you mean final?" in capfd.readouterr().err
