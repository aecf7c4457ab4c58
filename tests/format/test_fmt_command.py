"""`smolc fmt`, as it is called."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from smolc.compiler.cli import fmt
from smolc.compiler.format import files, form

UNTIDY = "stage s {\n init=m # why\n}"
TIDY = "stage s {\n  init = m  # why\n}\n"
BROKEN = "stage s {\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def smolc(*arguments: str, input: bytes | str | None = None) -> Result:
    result = CliRunner().invoke(fmt.command, arguments, input=input)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_bytes(text.encode())
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_written(folder: Path) -> None:
    file = write(folder / "a.recipe", UNTIDY)
    file.chmod(0o640)
    result = smolc("a.recipe")
    assert (result.exit_code, result.stdout) == (0, "reformatted: a.recipe\n")
    assert file.read_text() == TIDY
    assert file.stat().st_mode & 0o777 == 0o640
    assert names(folder) == ["a.recipe"]


def test_what_is_formatted_is_not_touched(folder: Path) -> None:
    file = write(folder / "a.recipe", TIDY)
    before = file.stat()
    result = smolc("a.recipe")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "1 left unchanged\n")
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_check_names_what_would_change(folder: Path) -> None:
    write(folder / "a.recipe", UNTIDY)
    write(folder / "b.recipe", TIDY)
    result = smolc("--check", "a.recipe", "b.recipe")
    assert (result.exit_code, result.stdout) == (1, "would reformat: a.recipe\n")
    assert (folder / "a.recipe").read_text() == UNTIDY
    assert smolc("--check", "b.recipe").exit_code == 0


@pytest.mark.parametrize("text", ["\ufeff" + TIDY, TIDY.replace("\n", "\r\n"), TIDY[:-1], TIDY + "\n"])
def test_marks_and_line_ends_count(folder: Path, text: str) -> None:
    file = write(folder / "a.recipe", text)
    assert smolc("--check", "a.recipe").exit_code == 1
    assert smolc("a.recipe").exit_code == 0
    assert file.read_bytes() == TIDY.encode()


def test_diff_can_be_applied(folder: Path) -> None:
    file = write(folder / "a.recipe", UNTIDY)
    result = smolc("--diff", "a.recipe")
    assert result.exit_code == 1
    assert result.stdout == (
        "--- a.recipe\n+++ a.recipe\n@@ -1,3 +1,3 @@\n stage s {\n- init=m # why\n-}\n"
        "\\ No newline at end of file\n+  init = m  # why\n+}\n"
    )
    assert file.read_text() == UNTIDY
    subprocess.run(["git", "apply", "-p0"], cwd=folder, input=result.stdout.encode(), check=True)
    assert file.read_text() == TIDY
    result = smolc("--diff", "a.recipe")
    assert (result.exit_code, result.stdout) == (0, "")


def test_standard_input(folder: Path) -> None:
    result = smolc("-", input=UNTIDY)
    assert (result.exit_code, result.stdout, result.stderr) == (0, TIDY, "")
    assert smolc("-", input="").stdout == ""
    result = smolc("-", "--check", "--stdin-filename", "my.recipe", input=UNTIDY)
    assert (result.exit_code, result.stdout) == (1, "would reformat: my.recipe\n")
    result = smolc("-", "--stdin-filename", "my.recipe", input=BROKEN)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "--> my.recipe:1:1" in result.stderr
    assert smolc("-", input=b"\xff").exit_code == 2
    assert "not UTF-8" in smolc("-", input=b"\xff").stderr


def test_folders(folder: Path) -> None:
    for name in ["b/x.recipe", "a.recipe", "b/c/y.recipe", ".hidden/z.recipe", "notes.txt"]:
        write(folder / name, UNTIDY)
    wanted = ["a.recipe", "b/x.recipe", "b/c/y.recipe"]
    assert smolc("--check").stdout.splitlines() == [f"would reformat: {name}" for name in wanted]
    assert smolc("--check", "b", "b/x.recipe").stdout.splitlines() == [
        f"would reformat: {n}" for n in wanted[1:]
    ]
    assert smolc().exit_code == 0
    assert [(folder / name).read_text() for name in [*wanted, "notes.txt"]] == [TIDY] * 3 + [UNTIDY]


def test_mistakes_are_shown_and_the_other_files_go_on(folder: Path) -> None:
    write(folder / "a.recipe", BROKEN)
    write(folder / "b.recipe", UNTIDY)
    write(folder / "c.recipe", " \n")
    result = smolc("a.recipe", "b.recipe", "c.recipe", "d.recipe")
    assert result.exit_code == 2
    assert (folder / "a.recipe").read_text() == BROKEN
    assert (folder / "b.recipe").read_text() == TIDY
    for words in [
        "error[S002 unclosed-block]",
        "`c.recipe` is empty",
        "there is no file `d.recipe`",
        "3 in error",
    ]:
        assert words in result.stderr
    assert smolc("--check", "a.recipe", "b.recipe").exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["empty"], "no *.recipe files in the folder `empty`"),
        ([], "no *.recipe files in the folder `.`"),
        (["-", "a.recipe"], "give it alone"),
        (["--stdin-filename", "x"], "goes with `-`"),
        (["x" * 300], "cannot be read"),
        (["pipe"], "not a regular file"),
        (["large"], "larger than"),
    ],
)
def test_bad_calls(folder: Path, arguments: list[str], words: str) -> None:
    (folder / "empty").mkdir()
    os.mkfifo(folder / "pipe")
    with (folder / "large").open("wb") as file:
        file.truncate(5 * 2**20)
    result = smolc(*arguments)
    assert result.exit_code == 2
    assert words in result.stderr


def test_a_link_stays_a_link(folder: Path) -> None:
    file = write(folder / "real/a.recipe", UNTIDY)
    (folder / "link.recipe").symlink_to("real/a.recipe")
    assert smolc("link.recipe", "real/a.recipe").stdout == "reformatted: link.recipe\n"
    assert (folder / "link.recipe").is_symlink()
    assert file.read_text() == TIDY
    (folder / "loop.recipe").symlink_to("loop.recipe")
    assert smolc("loop.recipe").exit_code == 2


@pytest.mark.parametrize("becomes", [UNTIDY + "\n", None])
def test_a_file_that_changes_meanwhile_is_left(
    folder: Path, monkeypatch: pytest.MonkeyPatch, becomes: str | None
) -> None:
    file = write(folder / "a.recipe", UNTIDY)
    slow = form.format_source

    def format_source(source: object) -> str:
        file.unlink() if becomes is None else file.write_text(becomes)
        return slow(source)  # type: ignore[arg-type]

    monkeypatch.setattr(form, "format_source", format_source)
    result = smolc("a.recipe")
    assert result.exit_code == 2
    assert "`a.recipe` was not written: it " in result.stderr
    assert names(folder) == ([] if becomes is None else ["a.recipe"])
    assert becomes is None or file.read_text() == becomes


def test_what_cannot_be_written_leaves_nothing_behind(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(folder / "a.recipe", UNTIDY)
    monkeypatch.setattr(files.os, "access", lambda path, mode: mode != os.W_OK)
    assert "`a.recipe` was not written: it is write-protected" in smolc("a.recipe").stderr
    monkeypatch.undo()
    monkeypatch.chdir(folder)

    def replace(self: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", replace)
    result = smolc("a.recipe")
    assert (result.exit_code, file.read_text(), names(folder)) == (2, UNTIDY, ["a.recipe"])
    assert "No space left on device" in result.stderr


def test_an_unfaithful_result_is_not_written(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(folder / "a.recipe", UNTIDY)
    monkeypatch.setattr(form, "print_file", lambda file, comments: "stage s {\n  init = m\n}\n")
    result = smolc("a.recipe")
    assert (result.exit_code, file.read_text()) == (2, UNTIDY)
    assert result.stderr.startswith("internal error: a.recipe was left as it is: ")
    assert "a comment would be lost" in result.stderr


def test_names_do_not_drive_the_terminal(folder: Path) -> None:
    write(folder / "\x1b[31mred.recipe", UNTIDY)
    for arguments in (["--check"], ["--diff"], []):
        result = smolc(*arguments)
        assert "\x1b" not in result.output
        assert "\\x1b[31mred.recipe" in result.output


def test_nothing_slow_is_imported(folder: Path) -> None:
    write(folder / "a.recipe", UNTIDY)
    code = (
        "import sys\nfrom smolc.compiler.cli.main import main\ntry:\n  main()\nexcept SystemExit:\n  pass\n"
        "print(*(m for m in ('pydantic', 'rich', 'yaml', 'jinja2', 'difflib') if m in sys.modules))"
    )
    command = [sys.executable, "-c", code, "fmt", "--check", "a.recipe"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "would reformat: a.recipe\n\n"
