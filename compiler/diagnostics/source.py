"""Texts and places in them. Every value of a recipe carries a `Span`."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property

from smolc.compiler.diagnostics.secrets import Secret, covered, find_secrets


@dataclass(frozen=True, eq=False)
class Source:
    """One text: a recipe file, or the value of one `--set`.

    `name` is what is shown to the user (a path as given, or `--set`).
    """

    name: str
    text: str = field(repr=False)

    @cached_property
    def _line_starts(self) -> list[int]:
        starts = [0]
        starts.extend(i + 1 for i, c in enumerate(self.text) if c == "\n")
        return starts

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column of a character offset, both counted from 1; columns count characters."""
        line = bisect_right(self._line_starts, offset)
        return line, offset - self._line_starts[line - 1] + 1

    def line(self, number: int) -> str:
        """Text of a line (counted from 1) without its line ending."""
        start = self._line_starts[number - 1]
        end = self._line_starts[number] if number < len(self._line_starts) else len(self.text)
        return self.text[start:end].rstrip("\r\n")

    @cached_property
    def secrets(self) -> list[Secret]:
        """What looks like a token, a key or a password."""
        return find_secrets(self.text)

    def shown(self, number: int) -> str:
        """A line as it may be printed: as long as it is, with secrets covered."""
        return self._covered.line(number)

    @cached_property
    def _covered(self) -> Source:
        return Source(self.name, covered(self.text)) if self.secrets else self


@dataclass(frozen=True, slots=True)
class Span:
    """Characters [start, end) of a source."""

    source: Source
    start: int
    end: int

    @property
    def line(self) -> int:
        return self.source.position(self.start)[0]

    @property
    def column(self) -> int:
        return self.source.position(self.start)[1]

    @property
    def text(self) -> str:
        return self.source.text[self.start : self.end]

    def __str__(self) -> str:
        line, column = self.source.position(self.start)
        return f"{self.source.name}:{line}:{column}"

    def to(self, other: Span) -> Span:
        """From the start of this span to the end of `other` (same source)."""
        return Span(self.source, self.start, other.end)
