"""`smolc completion`: what a shell is told, and what it shows."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from smolc.compiler.cli.completion import HOW, command
from smolc.compiler.cli.main import COMMANDS

AS_INSTALLED = "import sys; sys.argv[0] = 'smolc'; from smolc.compiler.cli.main import main; main()"


def asked(folder: Path, *words: str) -> list[str]:
    """What bash would offer for the last of `words`."""
    done = subprocess.run(
        [sys.executable, "-c", AS_INSTALLED],
        cwd=folder,
        env={
            **os.environ,
            "COMP_WORDS": " ".join(["smolc", *words]),
            "COMP_CWORD": str(len(words)),
            "_SMOLC_COMPLETE": "bash_complete",
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return [line.split(",", 1)[1] for line in done.stdout.splitlines()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.recipe", "a.recipe", "deep/c.recipe", ".hidden/d.recipe", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def test_commands(folder: Path) -> None:
    assert asked(folder, "") == list(COMMANDS)
    assert asked(folder, "exp") == ["explain"]


def test_an_unknown_command_is_no_crash(folder: Path) -> None:
    asked(folder, "lnit", "")


@pytest.mark.parametrize("name", ["lint", "fmt", "build", "plan", "show", "diff", "lock", "run"])
def test_recipes_near_ones_first(name: str, folder: Path) -> None:
    assert asked(folder, name, "") == ["a.recipe", "b.recipe", "deep/c.recipe"]
    assert asked(folder, name, "de") == ["deep/c.recipe"]


def test_rules(folder: Path) -> None:
    assert asked(folder, "lint", "--select", "unpinned") == ["unpinned-revision"]
    assert asked(folder, "lint", "--ignore", "T1,unpinned") == ["T1,unpinned-revision"]
    assert "D201" in asked(folder, "explain", "D2")
    assert "unused-data" in asked(folder, "explain", "")


def test_options_and_their_words(folder: Path) -> None:
    assert "--since" in asked(folder, "lint", "--s")
    assert asked(folder, "lint", "--format", "gi") == ["github", "gitlab"]


@pytest.mark.parametrize("shell", HOW)
def test_scripts_say_how_they_are_installed(shell: str) -> None:
    result = CliRunner().invoke(command, [shell])
    assert result.exit_code == 0
    assert f"# To install: {HOW[shell]}\n" in result.output
    assert "_SMOLC_COMPLETE" in result.output
    assert result.output.startswith("#compdef smolc" if shell == "zsh" else "#")


def test_the_shell_is_guessed_or_asked_for() -> None:
    assert "fish" in CliRunner().invoke(command, [], env={"SHELL": "/usr/bin/fish"}).output
    result = CliRunner().invoke(command, [], env={"SHELL": "/bin/tcsh"})
    assert result.exit_code == 2
    assert "bash, zsh, fish" in result.output


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_takes_the_script(folder: Path) -> None:
    script = CliRunner().invoke(command, ["bash"]).output
    done = subprocess.run(["bash", "-n"], input=script, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
