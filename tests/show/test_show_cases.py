"""The text cases in `cases/`: what `smolc show` prints in `project/`. `! 2` is an exit code other than 0."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest

from smolc.compiler.cli.main import main

HERE = Path(__file__).parent


def cases() -> list[object]:
    found = []
    for part in re.split(r"^=== ", (HERE / "cases/show.txt").read_text(encoding="utf-8"), flags=re.M)[1:]:
        title, _, body = part.partition("\n")
        head, _, expected = body.partition("---\n")
        command, _, code = head.partition("\n! ")
        found.append(pytest.param(command[2:], int(code or 0), expected.strip("\n"), id=title))
    return found


@pytest.mark.parametrize(("command", "code", "expected"), cases())
def test_case(
    command: str,
    code: int,
    expected: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copytree(HERE / "project", tmp_path, dirs_exist_ok=True)
    (tmp_path / "empty.recipe").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["smolc", "show", *shlex.split(command)])
    with pytest.raises(SystemExit) as ended:
        main()
    out, err = capsys.readouterr()
    assert ended.value.code == code, err
    assert not code or not out, "nothing is printed that could be taken for a recipe"
    said = "\n".join(line.rstrip() for line in (out + err).strip("\n").split("\n"))
    assert said == expected, said


def test_flat_is_whole(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["smolc", "show", "my.recipe", "sft", "--flat"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert "--flat is a whole recipe" in capsys.readouterr().err
