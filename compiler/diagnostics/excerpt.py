"""Lines of a source with carets under them, as wide as a terminal shows them."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from smolc.compiler.diagnostics.source import Source, Span

_TAB = "    "
# Columns of a source line that are shown; more are cut around the marks.
WIDEST = 110
_BEFORE = 30


@dataclass(frozen=True)
class Paint:
    """Wraps text in terminal colours, or does not."""

    color: bool

    def __call__(self, style: str, text: str) -> str:
        return f"\x1b[{style}m{text}\x1b[0m" if self.color and text else text


@dataclass(frozen=True)
class Mark:
    """A span to be underlined: the primary one with `^`, others with `-`."""

    span: Span
    text: str
    primary: bool

    @property
    def lines(self) -> tuple[int, ...]:
        """Line numbers to show: the first one, and the last one if it is another."""
        first = self.span.line
        last = self.span.source.position(max(self.span.start, self.span.end - 1))[0]
        return (first,) if first == last else (first, last)


def plain(text: str, keep_lines: bool = False) -> str:
    """`text` without anything that a terminal would act upon."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c == "\n" and keep_lines else _shown(c) for c in text)


def excerpt(marks: list[Mark], width: int, main: str, paint: Paint) -> list[str]:
    """The lines that `marks` (of one source) touch, with a gutter `width` digits wide; `main` is a colour."""
    source = marks[0].span.source
    bar = paint("1;34", "|")
    out = [f"{' ' * width} {bar}"]
    numbers = sorted({line for mark in marks for line in mark.lines})
    before = None
    for number in numbers:
        if before is not None and number == before + 2:
            out.append(_source_line(source, number - 1, width, paint, _Window(source.shown(number - 1), [])))
        elif before is not None and number > before + 2:
            out.append(paint("1;34", "..."))
        before = number
        line = source.shown(number)
        here = [(mark, *_columns(mark, number, len(line))) for mark in marks if number in mark.lines]
        window = _Window(line, [(start, end) for _, start, end in here])
        out.append(_source_line(source, number, width, paint, window))
        gutter = f"{' ' * width} {bar} "
        placed = [(m, window.at(s), max(window.at(e), window.at(s) + 1)) for m, s, e in here]
        out += [gutter + row for row in _underlines(placed, number, main, paint)]
    return out


def _underlines(marks: list[tuple[Mark, int, int]], number: int, main: str, paint: Paint) -> list[str]:
    """All marks in one row with the text of the last one behind it; the other texts in rows below."""
    marks = sorted(marks, key=lambda m: (m[1], m[0].primary))
    row: list[tuple[str, bool]] = [(" ", False)] * max(end for _, _, end in marks)
    for primary in (False, True):
        for mark, left, right in marks:
            if mark.primary is primary:
                row[left:right] = [("^" if primary else "-", primary)] * (right - left)
    texts = [
        (mark.text, left, mark.primary) for mark, left, _ in marks if number == mark.lines[-1] and mark.text
    ]
    style = {True: f"1;{main}", False: "1;34"}
    runs: list[tuple[str, bool]] = []
    for character, primary in row:
        if runs and runs[-1][0][-1] == character:
            runs[-1] = (runs[-1][0] + character, primary)
        else:
            runs.append((character, primary))
    first = "".join(run if run.isspace() else paint(style[primary], run) for run, primary in runs)
    below = texts
    if texts and marks[-1][0].text and texts[-1][0] == marks[-1][0].text:
        first += " " + paint(style[texts[-1][2]], texts[-1][0])
        below = texts[:-1]
    return [first] + [" " * left + paint(style[p], text) for text, left, p in reversed(below)]


def _source_line(source: Source, number: int, width: int, paint: Paint, window: _Window) -> str:
    return f"{paint('1;34', f'{number:>{width}} |')} {window.text}".rstrip()


def _columns(mark: Mark, number: int, length: int) -> tuple[int, int]:
    """Characters [start, end) of the line `number` that the mark covers."""
    source, span = mark.span.source, mark.span
    first, column = source.position(span.start)
    last, end_column = source.position(span.end)
    start = column - 1 if number == first else 0
    end = end_column - 1 if number == last else length
    start = min(start, length)
    return start, max(min(end, length), start)


class _Window:
    """A line as shown: tabs and control characters replaced, and cut if it is too long."""

    def __init__(self, line: str, spans: list[tuple[int, int]]) -> None:
        first, last = 0, len(line)
        if len(line) > WIDEST:
            wanted = min((s for s, _ in spans), default=0)
            first = max(0, min(wanted - _BEFORE, len(line) - WIDEST + 2))
            last = min(len(line), first + WIDEST - 2)
        self._first = first
        self._cut = "…" if first else ""
        piece = line[first:last]
        if piece.isascii() and piece.isprintable():
            self._starts: Sequence[int] = range(len(self._cut), len(self._cut) + len(piece) + 1)
        else:
            shown = [_shown(c) for c in piece]
            self._starts = [*accumulate(map(_width, shown), initial=len(self._cut))]
            piece = "".join(shown)
        self.text = self._cut + piece + ("…" if last < len(line) else "")

    def at(self, character: int) -> int:
        """Terminal column of a character of the line."""
        return self._starts[max(0, min(character - self._first, len(self._starts) - 1))]


def _shown(character: str) -> str:
    if character == "\t":
        return _TAB
    # Controls, and marks that reorder or hide what stands around them (but not combining accents).
    if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"):
        code = ord(character)
        return f"\\x{code:02x}" if code < 256 else f"\\u{{{code:x}}}"
    return character


def _width(text: str) -> int:
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )  # fmt: skip
