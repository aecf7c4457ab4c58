"""A JSON list of records, which need not fit into memory: its values are found one by one."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from io import BufferedReader
from typing import Any

from smolc.runtime.data.rows import found
from smolc.runtime.data.sources.chunks import RECORDS, SIZE, Texts
from smolc.runtime.jobs.errors import JobError

PIECE = 1 << 20
CUT = 16
"""Characters before the end of what was read in which a mistake may be none, but a word or number that goes on."""

_SPACE = re.compile(r"[ \t\n\r]*")
_decoder = json.JSONDecoder()


def values(name: str, file: BufferedReader) -> Iterator[Texts]:
    """What stands in the list, as text. Raises JobError if it is no list, or not JSON."""
    texts: list[str] = []
    first, size = 1, 0
    for text in _List(name, file):
        texts.append(text)
        size += len(text)
        if size >= SIZE or len(texts) == RECORDS:
            yield Texts(name, first, tuple(texts))
            first += len(texts)
            texts, size = [], 0
    if texts:
        yield Texts(name, first, tuple(texts))


class _List:
    """Text of a list's values. Only what is not used yet is held."""

    def __init__(self, name: str, file: BufferedReader) -> None:
        self.name = name
        self.file = file
        self.decoder = codecs.getincrementaldecoder("utf-8")()
        self.text = ""
        self.at = 0
        self.ended = False
        self.line = self.column = 1  # of the first character in `text`

    def __iter__(self) -> Iterator[str]:
        if self._next() != "[":
            self._no_list()
        self.at += 1
        if self._next() != "]":
            while True:
                self._next()
                yield self._value()[1]
                sign = self._next()
                if sign == "]":
                    break
                if sign != ",":
                    raise self._wrong("Expecting ',' delimiter", self.at)
                self.at += 1
        self.at += 1
        if self._next():
            raise self._wrong("Extra data", self.at)

    def _no_list(self) -> None:
        value, _ = self._value()
        if self._next():
            raise self._wrong("Extra data", self.at, "one object a line is jsonl: name the file .jsonl")
        raise JobError(f"{self.name}: expected a list of objects, found {found(value)}")

    def _next(self) -> str:
        """The next character that is no space, or none at the end."""
        while True:
            match = _SPACE.match(self.text, self.at)
            assert match is not None
            self.at = match.end()
            if self.at < len(self.text) or self.ended:
                return self.text[self.at : self.at + 1]
            self._more()

    def _value(self) -> tuple[Any, str]:
        while True:
            try:
                value, end = _decoder.raw_decode(self.text, self.at)
            except json.JSONDecodeError as error:
                open_text = error.msg.startswith("Unterminated string")
                if self.ended or not (open_text or error.pos >= len(self.text) - CUT):
                    raise self._wrong(error.msg, error.pos) from error
            except RecursionError as error:
                raise JobError(f"{self.name}: not JSON that can be read: nested too deeply") from error
            except ValueError as error:  # a number of thousands of digits
                raise JobError(f"{self.name}: not JSON that can be read: {error}") from error
            else:
                # Near the end of what was read, a number may go on.
                if self.ended or self.text[end - 1] in '"}]' or end + CUT <= len(self.text):
                    text = self.text[self.at : end]
                    self.at = end
                    return value, text
            self._more()

    def _more(self) -> None:
        """Read on; as much again as is held, so that a long value is not begun anew too often."""
        used, self.text = self.text[: self.at], self.text[self.at :]
        self.line, self.column = self._place(used, self.at)
        self.at = 0
        raw = self.file.read(max(PIECE, len(self.text)))
        self.ended = not raw
        try:
            self.text += self.decoder.decode(raw, final=self.ended)
        except UnicodeDecodeError as error:
            line = self.line + self.text.count("\n") + error.object.count(b"\n", 0, error.start)
            byte = error.object[error.start]
            raise JobError(f"{self.name}:{line}: not UTF-8: byte 0x{byte:02x}") from error

    def _place(self, text: str, at: int) -> tuple[int, int]:
        newline = text.rfind("\n", 0, at)
        if newline < 0:
            return self.line, self.column + at
        return self.line + text.count("\n", 0, at), at - newline

    def _wrong(self, what: str, at: int, help: str | None = None) -> JobError:
        line, column = self._place(self.text, at)
        return JobError(f"{self.name}:{line}: not JSON: {what} at column {column}", help=help)
