"""Rows packed together as preparation would pack them, were they all there is."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from smolc.runtime.data.packing import Cuts, best_fit, wrapped
from smolc.runtime.data.pieces import pieces
from smolc.runtime.preview.rows import Shown

JOINT = 10  # tokens shown on either side of where two documents meet


@dataclass(frozen=True)
class Document:
    """Tokens start..stop of row `number` in a bin; head, tail: how they begin and end, as text."""

    number: int
    start: int
    stop: int
    head: str
    tail: str

    @property
    def tokens(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True)
class Bin:
    documents: tuple[Document, ...]
    length: int

    @property
    def tokens(self) -> int:
        return sum(document.tokens for document in self.documents)


def pack(rows: list[Shown], wrap: bool, length: int, tokenizer: Any) -> list[Bin]:
    used = [(row, start, stop) for row in rows for start, stop in row.parts]
    sizes = [stop - start for _, start, stop in used]
    packed = wrapped(sizes, length) if wrap else best_fit(sizes, length)
    bins = []
    for first, after in pairwise(packed.bounds.tolist()):
        documents = []
        for place in range(first, after):
            row, start, stop = used[int(packed.rows[place])]
            if isinstance(packed, Cuts):
                start, stop = start + int(packed.start[place]), start + int(packed.stop[place])
            ids = row.ids[start:stop]
            head, tail = (_text(tokenizer, part) for part in (ids[:JOINT], ids[-JOINT:]))
            documents.append(Document(row.number, start, stop, head, tail))
        bins.append(Bin(tuple(documents), length))
    return bins


def _text(tokenizer: Any, ids: list[int]) -> str:
    return "".join(text for text, _ in pieces(tokenizer, ids))
