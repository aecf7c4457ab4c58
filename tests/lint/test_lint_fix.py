"""`--fix`: what it writes, and what it refuses to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from linting import BY_EXAMPLES, PACKED, lint, project

from smolc.compiler.diagnostics import Diagnostic, Edit, Severity, Source, Span
from smolc.compiler.diagnostics.types import Refused
from smolc.compiler.lint.fix import fix
from smolc.compiler.syntax.write import replace_text, write_text


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    project(tmp_path, packed=PACKED, examples=BY_EXAMPLES)
    return tmp_path


def test_safe_fixes_are_written(here: Path) -> None:
    result = lint("packed.recipe", "--fix")
    assert result.exit_code == 0
    assert (here / "packed.recipe").read_text() == PACKED.replace("8seq", "16384tok")
    assert "packed.recipe: mended 1 finding: packing-without-token-batch" in result.output


def test_unsafe_fixes_are_not_written_unless_asked_for(here: Path) -> None:
    result = lint("examples.recipe", "--fix")
    assert result.exit_code == 1
    assert (here / "examples.recipe").read_text() == BY_EXAMPLES
    assert "1 can be mended with --unsafe-fixes" in result.output
    assert lint("examples.recipe", "--unsafe-fixes").exit_code == 0
    assert (here / "examples.recipe").read_text() == BY_EXAMPLES.replace("examples\n", "tokens\n")


def test_without_fix_nothing_is_written_and_the_summary_says_what_could_be(here: Path) -> None:
    result = lint("packed.recipe")
    assert "1 warning; 1 can be mended with --fix" in result.output
    assert (here / "packed.recipe").read_text() == PACKED


def test_syntax_mistakes_are_unsafe_fixes(here: Path) -> None:
    (here / "x.recipe").write_text(PACKED.replace("batch   = 8seq", "batch   : 64Kitok"))
    assert lint("x.recipe", "--fix").exit_code == 1
    lint("x.recipe", "--unsafe-fixes")
    assert "batch   = 64Kitok" in (here / "x.recipe").read_text()


def test_findings_in_a_parent_are_not_mended_through_the_child(here: Path) -> None:
    (here / "child.recipe").write_text('extends "packed.recipe"\n')
    lint("child.recipe", "--fix")
    assert (here / "packed.recipe").read_text() == PACKED
    assert (here / "child.recipe").read_text() == 'extends "packed.recipe"\n'


def test_line_ends_mark_and_mode_stay(here: Path) -> None:
    path = here / "packed.recipe"
    path.write_bytes(b"\xef\xbb\xbf" + PACKED.replace("\n", "\r\n").encode())
    path.chmod(0o640)
    lint("packed.recipe", "--fix")
    assert (
        path.read_bytes()
        == b"\xef\xbb\xbf" + PACKED.replace("8seq", "16384tok").replace("\n", "\r\n").encode()
    )
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_link_stays_a_link(here: Path) -> None:
    (here / "link.recipe").symlink_to("packed.recipe")
    lint("link.recipe", "--fix")
    assert (here / "link.recipe").is_symlink()
    assert "16384tok" in (here / "packed.recipe").read_text()


def test_a_file_that_changed_meanwhile_is_left_alone(here: Path) -> None:
    with pytest.raises(Refused, match="it changed in the meantime"):
        replace_text(here / "packed.recipe", "something else", "new")
    assert (here / "packed.recipe").read_text() == PACKED
    assert [p.name for p in here.iterdir() if p.name.startswith(".")] == []


@pytest.mark.parametrize("option", [["--set", "sft.batch=8seq"], ["--since", "HEAD"]])
def test_fix_with_what_it_cannot_go_with(here: Path, option: list[str]) -> None:
    result = lint("packed.recipe", "--fix", *option)
    assert result.exit_code == 2
    assert "leave out --set and --since" in result.output


def test_fix_of_stdin() -> None:
    assert lint("-", "--fix", input=PACKED).exit_code == 2


def test_write_to_a_device(tmp_path: Path) -> None:
    import os

    read, write = os.pipe()
    write_text(Path(f"/dev/fd/{write}"), "hello")
    os.close(write)
    with os.fdopen(read) as pipe:
        assert pipe.read() == "hello"


@dataclass
class Fake:
    """A compiler whose plan is the text with `x` and `y` alike, and which finds every digit."""

    text: str
    safe: bool = True

    def __post_init__(self) -> None:
        self.source = Source("f", self.text)
        self.hash = self.text.replace("1", "x")
        self.found = [
            Diagnostic("T999", "digit", Severity.WARNING, c, span, edits=(Edit(span, "x", self.safe),))
            for at, c in enumerate(self.text)
            if c.isdigit()
            for span in [Span(self.source, at, at + 1)]
        ]


def test_an_edit_that_is_said_to_be_safe_and_changes_the_plan_is_refused() -> None:
    fixed = fix(Fake("a = 1\nb = 2\nc = 1\n"), Fake)
    assert fixed.text == "a = x\nb = 2\nc = x\n"
    assert [d.message for d in fixed.refused] == ["2"]


def test_edits_that_touch_each_other_take_turns() -> None:
    assert fix(Fake("111"), Fake).text == "xxx"


def test_unsafe_edits_only_when_asked_for() -> None:
    unsafe = lambda text: Fake(text, safe=False)  # noqa: E731
    assert fix(unsafe("1 2"), unsafe).text == "1 2"
    assert fix(unsafe("1 2"), unsafe, unsafe=True).text == "x x"
