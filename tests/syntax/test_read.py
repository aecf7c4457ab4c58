from __future__ import annotations

import os
from pathlib import Path

import pytest

from smolc.compiler.syntax import parse, read_source
from smolc.compiler.syntax.read import LARGEST


def codes(path: Path) -> list[str]:
    source, found = read_source(path, "shown.recipe")
    assert (source is None) == bool(found)
    return [d.code for d in found]


def test_byte_order_mark_and_crlf_are_taken_out(tmp_path: Path) -> None:
    path = tmp_path / "a.recipe"
    path.write_bytes(b'\xef\xbb\xbfa = 1\r\n\tb = "x"\r\n')
    source, found = read_source(path, "a")
    assert found == []
    assert source is not None
    assert source.text == 'a = 1\n\tb = "x"\n'
    file, found = parse(source)
    assert found == []
    assert str(file.items[1].span) == "a:2:2"


def test_what_is_no_file(tmp_path: Path) -> None:
    assert codes(tmp_path / "none") == ["F001"]
    assert codes(tmp_path) == ["F003"]
    assert codes(tmp_path / "nul\0byte") == ["F002"]
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    assert codes(loop) == ["F002"]
    assert codes(Path("/dev/null")) == ["F002"]


def test_a_link_shows_no_line_of_another_kind_of_file(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("hunter2 {\n")
    (tmp_path / "mine.recipe").write_text("smolc 1\n")
    (tmp_path / "key.recipe").symlink_to("key.pem")
    (tmp_path / "link.recipe").symlink_to("key.recipe")
    (tmp_path / "latest.recipe").symlink_to("mine.recipe")
    assert codes(tmp_path / "key.recipe") == ["F002"]
    assert codes(tmp_path / "link.recipe") == ["F002"]
    assert codes(tmp_path / "latest.recipe") == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert codes(tmp_path / "pipe") == ["F002"]


def test_not_utf8_names_line_and_byte(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes("é = 1\nab".encode() + b"\xff\n")
    [found] = read_source(path, "a.recipe")[1]
    assert (found.code, found.message) == (
        "F004",
        "`a.recipe` is not UTF-8: byte 0xff at line 2, byte 3 of the line",
    )
    assert str(found.span) == "a.recipe:2:3"


def test_characters_that_are_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"a = 1\n\x00\x1b")
    assert codes(path) == ["F005"]
    path.write_bytes(b'a = "\x1b[0m\x07"\n\x0c\n')
    assert codes(path) == ["F007", "F007"]
    path.write_text("# \u202e hidden\n", encoding="utf-8")
    assert codes(path) == ["F007"]
    path.write_bytes(b"\x01\n" * 1000)
    assert len(codes(path)) == 10


def test_size(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"#" * LARGEST)
    assert codes(path) == []
    path.write_bytes(b"#" * (LARGEST + 1))
    assert codes(path) == ["F006"]
