"""Reads a recipe file. Recipes come from strangers: nothing but plain text gets through."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from smolc.compiler.diagnostics import Diagnostic, Severity, Source, Span

LARGEST = 2**20
SUFFIX = ".recipe"
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]")


def read_source(path: Path, shown: str) -> tuple[Source | None, list[Diagnostic]]:
    """The text of a recipe file; `shown` is its name in messages.

    A byte-order mark and CRLF line ends are taken out, so that offsets count what is left.
    """
    data, found = read_bytes(path, shown)
    if data is None:
        return None, found
    source, found = decode(data, shown)
    if source is not None and not source.text.strip():
        return None, [empty_file(shown)]
    return source, found


def empty_file(shown: str) -> Diagnostic:
    """What is said of a file with nothing in it: an editor that has not saved, a download that failed."""
    return _problem("F008", "empty-file", f"`{shown}` is empty", "`smolc init` starts a recipe")


def read_bytes(path: Path, shown: str) -> tuple[bytes | None, list[Diagnostic]]:
    """What is in a recipe file; of one that is too large, so much that `decode` says so."""
    try:
        if path.is_dir():
            return None, [
                _problem(
                    "F003",
                    "is-a-directory",
                    f"`{shown}` is a folder, not a recipe",
                    f"name the recipes in it: {shown.rstrip('/')}/*.recipe",
                )
            ]
        # Opening a pipe would wait for whoever writes to it.
        if not stat.S_ISREG(path.stat().st_mode):
            return None, [_problem("F002", "not-readable", f"`{shown}` is not a regular file")]
        # An excerpt would show lines of what it leads to: keys, passwords.
        if path.suffix == SUFFIX != Path(os.path.realpath(path)).suffix:
            message = f"`{shown}` is a link to a file whose name does not end in `{SUFFIX}`"
            return None, [_problem("F002", "not-readable", message, "copy the recipe itself to this place")]
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
    except FileNotFoundError:
        return None, [_problem("F001", "not-found", f"there is no file `{shown}`")]
    except (OSError, ValueError) as failure:
        reason = getattr(failure, "strerror", None) or str(failure)
        return None, [_problem("F002", "not-readable", f"`{shown}` cannot be read: {reason}")]
    return data, []


def decode(data: bytes, shown: str) -> tuple[Source | None, list[Diagnostic]]:
    """The source of a file's bytes."""
    if len(data) > LARGEST:
        message = f"`{shown}` is larger than {LARGEST // 2**20} MiB"
        return None, [
            _problem(
                "F006", "too-large", message, "a recipe is text that people review; data stands elsewhere"
            )
        ]
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as failure:
        line = data.count(b"\n", 0, failure.start) + 1
        column = failure.start - data.rfind(b"\n", 0, failure.start)
        where = f"line {line}, byte {column} of the line"
        message = f"`{shown}` is not UTF-8: byte 0x{data[failure.start]:02x} at {where}"
        readable = Source(shown, _normal(data[: failure.start].decode("utf-8")))
        end = len(readable.text)
        return None, [
            _problem("F004", "not-utf8", message, "save the file as UTF-8", Span(readable, end, end))
        ]
    return source_of(text, shown)


def source_of(text: str, shown: str) -> tuple[Source | None, list[Diagnostic]]:
    """The source of a text that is at hand: what an editor holds and has not saved."""
    source = Source(shown, _normal(text))
    found = check_characters(source)
    return (None if found else source), found


def check_characters(source: Source) -> list[Diagnostic]:
    """Characters that are not shown, or change how others are shown; one report a line, ten at most."""
    found: list[Diagnostic] = []
    last = 0
    for match in _CONTROL.finditer(source.text):
        span = Span(source, match.start(), match.end())
        if span.line == last:
            continue
        last = span.line
        code = ord(match[0])
        if code == 0:
            found.append(_problem("F005", "nul-byte", "a NUL byte: this is not a text file", None, span))
            return found
        help = "take it out; in a text, write it as an escape"
        found.append(_problem("F007", "control-character", f"the control character U+{code:04X}", help, span))
        if len(found) == 10:
            break
    return found


def _normal(text: str) -> str:
    return text.removeprefix("\ufeff").replace("\r\n", "\n")


def _problem(
    code: str, name: str, message: str, help: str | None = None, span: Span | None = None
) -> Diagnostic:
    return Diagnostic(code, name, Severity.ERROR, message, span, help=help)
