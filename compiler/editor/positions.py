"""Character offsets to the lines and characters of the language server protocol, and back."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property

Place = tuple[int, int]
"""Line and character, both counted from 0."""


@dataclass(frozen=True, eq=False)
class Positions:
    """A text's places. unit: what characters of a line are counted in, `utf-16` unless the client asked for another."""

    text: str
    unit: str = "utf-16"

    @cached_property
    def _starts(self) -> list[int]:
        starts = [0]
        starts.extend(i + 1 for i, c in enumerate(self.text) if c == "\n")
        return starts

    def place(self, offset: int) -> Place:
        line = bisect_right(self._starts, offset) - 1
        return line, self._width(self.text[self._starts[line] : offset])

    def range(self, start: int, end: int) -> tuple[Place, Place]:
        return self.place(start), self.place(end)

    def offset(self, line: int, character: int) -> int:
        """The nearest place there is, for one beyond the line's or the text's end."""
        if line >= len(self._starts):
            return len(self.text)
        start = self._starts[max(line, 0)]
        end = self.text.find("\n", start)
        text = self.text[start : len(self.text) if end < 0 else end]
        if text.isascii() or self.unit == "utf-32":
            return start + min(max(character, 0), len(text))
        width = 0
        for index, one in enumerate(text):
            width += self._width(one)
            if width > character:
                return start + index
        return start + len(text)

    def _width(self, text: str) -> int:
        if self.unit == "utf-32" or text.isascii():
            return len(text)
        if self.unit == "utf-8":
            return len(text.encode("utf-8", "surrogatepass"))
        return len(text) + sum(ord(c) > 0xFFFF for c in text)
