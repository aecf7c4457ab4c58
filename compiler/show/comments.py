"""Which statement a comment belongs to, so that it can go where the statement goes."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field

from smolc.compiler.diagnostics import Source, Span
from smolc.compiler.syntax import parse, tree

Trail = tuple[tuple[str, str | None], ...]
"""The blocks around a statement, outermost first: ``(("stage", "sft"), ("sweep", None))``."""


@dataclass
class Notes:
    """Comments of one statement: on lines of their own `above` it ('' is an empty line), `beside` it, `inside` its value.

    blank: whether an empty line stands before all of it. trail: the blocks that it stands in.
    """

    above: list[str] = field(default_factory=list)
    beside: list[str] = field(default_factory=list)
    inside: list[tree.Comment] = field(default_factory=list)
    blank: bool = False
    trail: Trail = ()


@dataclass(frozen=True)
class _Anchor:
    start: int
    end: int
    notes: Notes


class Attached:
    """The comments of one file, by statement."""

    def __init__(self, source: Source) -> None:
        self.file = parse(source)[0]
        self.heads: dict[Trail, Notes] = {}
        self.closes: dict[Trail, Notes] = {}
        self.header = Notes()
        self.end = Notes()
        self._source = source
        self._lines = source.text.count("\n") + 1
        self._anchors: list[_Anchor] = []
        for one in (self.file.edition, self.file.extends):
            if one is not None:
                start = source.text.rfind("\n", 0, one.span.start) + 1
                self._anchors.append(_Anchor(start, one.span.end, self.header))
        self._walk(self.file.items, ())
        self._anchors.sort(key=lambda a: a.start)
        self._starts = [a.start for a in self._anchors]
        self._attach()

    def of(self, span: Span) -> Notes | None:
        """Notes of the statement that `span` lies in."""
        at = bisect_right(self._starts, span.start) - 1
        if at < 0 or span.start >= self._anchors[at].end:
            return None
        return self._anchors[at].notes

    def _walk(self, items: Iterable[tree.Item], trail: Trail) -> None:
        for item in items:
            if isinstance(item, tree.Block):
                inner = (*trail, key_of(item.kind, item.label))
                self._add(item.head, self.heads.setdefault(inner, Notes()))
                self._walk(item.items, inner)
                if item.close is not None:
                    self._add(item.close, self.closes.setdefault(inner, Notes()))
            else:
                self._add(item.span, Notes(trail=trail))

    def _add(self, span: Span, notes: Notes) -> None:
        self._anchors.append(_Anchor(span.start, span.end, notes))

    def _attach(self) -> None:
        tops: dict[int, int] = {}
        for comment in self.file.comments:
            offset = comment.span.start
            after = bisect_left(self._starts, offset)
            before = self._anchors[after - 1] if after else None
            if before is not None and offset < before.end:
                before.notes.inside.append(comment)
            elif not comment.own_line and before is not None:
                before.notes.beside.append(comment.text)
            else:
                notes = self._anchors[after].notes if after < len(self._anchors) else self.end
                tops.setdefault(id(notes), comment.span.line)
                notes.above.append(comment.text)
                if self._empty(comment.span.line + 1):
                    notes.above.append("")
        for anchor in self._anchors:
            line = tops.get(id(anchor.notes), self._source.position(anchor.start)[0])
            anchor.notes.blank = self._empty(line - 1)
        self.end.blank = self._empty(tops.get(id(self.end), 1) - 1)

    def _empty(self, line: int) -> bool:
        return 1 <= line <= self._lines and not self._source.line(line).strip()


def key_of(kind: tree.Ident, label: tree.Ident | None) -> tuple[str, str | None]:
    """What a block is known by; there is one recipe, whatever it is called."""
    return kind.text, None if kind.text == "recipe" or label is None else label.text
