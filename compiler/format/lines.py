"""Lines as they are laid out, and the columns in them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

WIDTH = 100
"""Columns that a line may take before what is in its brackets goes onto lines of its own."""
INDENT = "  "


@dataclass
class Line:
    """One line, or a statement whose text block makes it several.

    depth: levels of indentation. split: where in `text` the first `=` or comparison stands, behind one space.
    comment: what stands behind the text, or alone on the line. blank: an empty line comes before it.
    """

    depth: int
    blank: bool = False
    text: str = ""
    split: int | None = None
    comment: str = ""

    @property
    def is_comment(self) -> bool:
        return not self.text

    @property
    def is_one(self) -> bool:
        return "\n" not in self.text

    @property
    def operator(self) -> str:
        """`=`, or the name of all comparisons."""
        assert self.split is not None
        return "=" if self.text.startswith("= ", self.split) else "comparison"


@dataclass
class Lines:
    """Takes text piece by piece."""

    all: list[Line] = field(default_factory=list)

    @property
    def last(self) -> Line:
        return self.all[-1]

    @property
    def column(self) -> int:
        """Width of the last line so far, without its alignment."""
        _, line_end, text = self.last.text.rpartition("\n")
        return columns(text) + (0 if line_end else len(INDENT) * self.last.depth)

    def new(self, depth: int, blank: bool = False) -> None:
        self.all.append(Line(depth, blank and bool(self.all)))

    def add(self, text: str) -> None:
        self.last.text += text

    def key(self, text: str) -> None:
        """A key, with the operator to come."""
        self.add(text + " ")
        if len(self.last.text) == len(text) + 1:
            self.last.split = len(self.last.text)

    def comment(self, text: str) -> None:
        self.last.comment = text

    def text(self) -> str:
        """Everything, aligned; ends in a line end unless it is empty."""
        for run in _runs(self.all):
            _align_operators(run)
        for run in _commented(self.all):
            _align_comments(run)
        return "".join(map(_whole, self.all))


def columns(text: str) -> int:
    """Columns that a terminal gives the text."""
    if text.isascii():
        return len(text)
    import unicodedata

    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text
    )  # fmt: skip


def _whole(line: Line) -> str:
    gap = "  " if line.text and line.comment else ""
    blank = "\n" if line.blank else ""
    return f"{blank}{INDENT * line.depth}{line.text}{gap}{line.comment}\n"


def _runs(lines: list[Line]) -> Iterable[list[Line]]:
    """Lines one below the other with the same kind of operator; lines with only a comment do not part them."""
    run: list[Line] = []
    for line in lines:
        fits = bool(run) and not line.blank and line.depth == run[0].depth
        if line.is_comment and fits:
            continue
        has_key = line.split is not None and columns(line.text[: line.split]) <= WIDTH
        if not (fits and has_key and run[-1].is_one and line.operator == run[0].operator):
            yield run
            run = []
        if has_key:
            run.append(line)
    yield run


def _align_operators(run: list[Line]) -> None:
    widths = [columns(line.text[: line.split]) for line in run]
    widest = max(widths, default=0)
    for line, width in zip(run, widths, strict=True):
        line.text = line.text[: line.split] + " " * (widest - width) + line.text[line.split :]


def _commented(lines: list[Line]) -> Iterable[list[Line]]:
    """Lines one below the other that have a comment behind their text."""
    run: list[Line] = []
    for line in lines:
        takes_part = bool(line.text and line.comment) and line.is_one and columns(line.text) <= WIDTH
        if run and (not takes_part or line.blank or line.depth != run[0].depth):
            yield run
            run = []
        if takes_part:
            run.append(line)
    yield run


def _align_comments(run: list[Line]) -> None:
    widest = max((columns(line.text) for line in run), default=0)
    for line in run:
        line.text += " " * (widest - columns(line.text))
