"""`smolc diff` as it is called: what is compared with what, exit codes, and what cannot be compared."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from smolc.compiler.cli.main import main

BASE = (Path(__file__).parent / "base.recipe").read_text(encoding="utf-8")
LOWER = BASE.replace("2e-5", "1e-5")
Diff = Callable[..., tuple[int, str, str]]


@pytest.fixture
def diff(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """`smolc diff` in a folder with a.recipe and b.recipe: exit code, output and errors."""
    (tmp_path / "a.recipe").write_text(BASE, encoding="utf-8")
    (tmp_path / "b.recipe").write_text(LOWER, encoding="utf-8")
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["smolc", "diff", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return int(str(ended.value.code)), out, err

    return run


def git(*arguments: str) -> None:
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *arguments]
    subprocess.run(command, check=True, capture_output=True)


@pytest.fixture
def repo(diff: Diff) -> None:
    git("init", "-q", "-b", "main")
    git("add", "-A")
    git("commit", "-q", "-m", "x")


def test_two_recipes(diff: Diff) -> None:
    code, out, err = diff("a.recipe", "b.recipe")
    assert (code, err) == (0, "")
    assert out.startswith(
        "a.recipe -> b.recipe\n\n~ stage.sft\n    ~ optim.lr  2e-5 -> 1e-5\n\nWhat follows\n"
    )


def test_exit_code(diff: Diff) -> None:
    assert diff("a.recipe", "b.recipe", "--exit-code")[0] == 1
    assert diff("a.recipe", "a.recipe", "--exit-code") == (0, "a.recipe -> a.recipe\nno differences\n", "")


@pytest.mark.usefixtures("repo")
@pytest.mark.parametrize(
    "arguments", [("a.recipe", "HEAD"), ("HEAD", "a.recipe"), ("main", "a.recipe"), ("a.recipe",)]
)
def test_a_recipe_against_itself_at_a_revision(diff: Diff, arguments: tuple[str, ...]) -> None:
    Path("a.recipe").write_text(LOWER, encoding="utf-8")
    code, out, _ = diff(*arguments)
    assert code == 0
    ref = "main" if "main" in arguments else "HEAD"
    assert out.startswith(f"a.recipe at {ref} -> a.recipe\n\n~ stage.sft\n    ~ optim.lr  2e-5 -> 1e-5\n")


@pytest.mark.usefixtures("repo")
def test_all_recipes_since_a_revision(diff: Diff) -> None:
    assert diff("HEAD") == (0, "no differences in 2 recipes\n", "")
    Path("a.recipe").write_text(LOWER, encoding="utf-8")
    Path("b.recipe").unlink()
    Path("c.recipe").write_text(BASE, encoding="utf-8")
    code, out, _ = diff("HEAD", "--exit-code")
    heads = [line for line in out.splitlines() if " -> " in line and not line.startswith(" ")]
    assert code == 1
    assert heads == [
        "a.recipe at HEAD -> a.recipe",
        "b.recipe at HEAD -> b.recipe (not there)",
        "c.recipe at HEAD (not there) -> c.recipe",
    ]
    assert "+ stage.sft" in out and "- stage.sft" in out
    assert [one["same"] for one in json.loads(diff("HEAD", "--json")[1])] == [False] * 3


@pytest.mark.usefixtures("repo")
def test_a_recipe_that_is_younger_or_gone(diff: Diff) -> None:
    Path("c.recipe").write_text(BASE, encoding="utf-8")
    code, out, _ = diff("HEAD", "c.recipe")
    assert code == 0 and "+ stage.sft\n    + init     = base\n" in out and "9 new: base" in out
    Path("a.recipe").unlink()
    code, out, _ = diff("HEAD", "a.recipe")
    assert code == 0 and "- stage.sft\n    - init     = base\n" in out and "9 gone: base" in out


@pytest.mark.usefixtures("repo")
def test_a_mistake_at_the_revision_is_shown_there(diff: Diff) -> None:
    Path("a.recipe").write_text(BASE.replace("32seq", "32sec"), encoding="utf-8")
    git("commit", "-q", "-a", "-m", "broken")
    Path("a.recipe").write_text(BASE, encoding="utf-8")
    code, out, err = diff("HEAD", "a.recipe")
    assert (code, out) == (2, "")
    assert "--> HEAD:a.recipe:29:14" in err


def test_json(diff: Diff) -> None:
    code, out, _ = diff("a.recipe", "b.recipe", "--json")
    said = json.loads(out)
    assert (code, said["before"], said["after"], said["same"]) == (0, "a.recipe", "b.recipe", False)
    assert [change["address"] for change in said["changes"]] == ["stage.sft.optim.lr"]


def test_set_and_on_are_for_both(diff: Diff) -> None:
    assert "no differences" in diff("a.recipe", "b.recipe", "--set", "sft.optim.lr=3e-5")[1]
    code, _, err = diff("a.recipe", "b.recipe", "--set", "sft.nothing=1")
    assert code == 2 and "`nothing`" in err
    code, _, err = diff("a.recipe", "b.recipe", "--on", "7xh100")
    assert code == 2 and "cannot be divided among 7 devices" in err
    assert diff("a.recipe", "b.recipe", "--on", "8xh100")[0] == 0


@pytest.mark.usefixtures("repo")
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nope",), "`nope` is neither a file nor a revision of this repository"),
        (("a.recipe", "nope"), "there is no revision `nope` in the repository of a.recipe"),
        (("a.recipe", "nope.recipe"), "there is no file `nope.recipe`"),
        (("nope.recipe", "HEAD"), "there is no nope.recipe at `HEAD`"),
        (("--", "-x", "a.recipe"), "there is no revision `-x`"),
        (("x", "y"), "neither `x` nor `y` is a recipe"),
        (("a.recipe", "folder"), "`folder` is a folder, not a recipe"),
        (("folder", "HEAD"), "`folder` is a folder, not a recipe"),
        (("a.recipe", "empty.recipe"), "`empty.recipe` is empty"),
        (("a.recipe", "broken.recipe"), "is a name here, not a string"),
        (("", "a.recipe"), "is a folder, not a recipe"),
        (("a.recipe", "\udcff"), "there is no revision"),
    ],
)
def test_what_cannot_be_compared(diff: Diff, arguments: tuple[str, ...], message: str) -> None:
    Path("folder").mkdir()
    Path("empty.recipe").touch()
    Path("broken.recipe").write_text(BASE.replace("chatml", '"chatml"'), encoding="utf-8")
    code, out, err = diff(*arguments, "--exit-code") if "--" not in arguments else diff(*arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert "internal error" not in err and "Traceback" not in err


def test_outside_of_git(diff: Diff) -> None:
    assert diff("a.recipe", "HEAD")[0] == 2
    code, _, err = diff("HEAD")
    assert code == 2 and "is in no git repository" in err


def test_secrets_are_covered(diff: Diff) -> None:
    token = "hf_" + "a1B2c3D4e5" * 3
    Path("b.recipe").write_text(BASE.replace('"small"', f'"{token}"'), encoding="utf-8")
    for more in ((), ("--json",)):
        out = diff("a.recipe", "b.recipe", *more)[1]
        assert "about" in out and token not in out


def test_nothing_drives_the_terminal(diff: Diff) -> None:
    Path("b.recipe").write_text(BASE.replace('"small"', '"\\u{1b}]0;x\\u{7}"'), encoding="utf-8")
    Path("c.recipe").write_text(
        BASE.replace("template chat { builtin = chatml }", 'template chat { text = "\\u{1b}[2J\\n" }'),
        encoding="utf-8",
    )
    for name in ("b.recipe", "c.recipe"):
        out = diff("a.recipe", name)[1]
        assert "\x1b" not in out and "\x07" not in out
