"""Parts of a source, small enough to be held in memory and to be sent to another process."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

SIZE = 512 << 10
"""Bytes of a chunk, about: lines are not cut."""

RECORDS = 1024
"""Records of a chunk, at most, where a source has no lines."""


@dataclass(frozen=True)
class Span:
    """Bytes `start` to `end` of a local file, which had `size` bytes and was changed last at `changed` (ns)."""

    path: Path
    start: int
    end: int
    size: int
    changed: int


@dataclass(frozen=True)
class Lines:
    """Whole lines of jsonl; the first of them is line `first` of the file (from 1)."""

    name: str
    first: int
    content: bytes | Span


@dataclass(frozen=True)
class Texts:
    """Values of a JSON list, as they are written; the first of them is row `first` of the file (from 1)."""

    name: str
    first: int
    texts: tuple[str, ...]


@dataclass(frozen=True)
class Records:
    """Records with their numbers; for one that is none, what is wrong with it. unit: `line` or `row`."""

    name: str
    unit: str
    records: tuple[tuple[int, dict[str, Any] | str], ...]


@dataclass(frozen=True)
class Table:
    """An Arrow IPC stream of records; the first is row `first` of the file (from 1). features: of `datasets`, where it
    has to decode them."""

    name: str
    first: int
    content: bytes
    features: Any = None


@dataclass(frozen=True)
class Chunk:
    """A part of a source, and which one (from 0). The same source has the same chunks, whoever reads them."""

    index: int
    part: Lines | Texts | Records | Table


class Source(Protocol):
    def identity(self) -> dict[str, Any]:
        """All that determines the rows, as JSON that a person can read."""

    def chunks(self) -> Iterator[Chunk]:
        """Always the same ones. Raises JobError for what cannot be read."""

    def total(self) -> int | None:
        """Number of rows, if it is known before they are read."""


def grouped(name: str, unit: str, records: Iterator[tuple[int, dict[str, Any] | str]]) -> Iterator[Records]:
    """Records in parts of about SIZE, and of RECORDS at most."""
    held: list[tuple[int, dict[str, Any] | str]] = []
    size = 0
    for record in records:
        held.append(record)
        size += _size(record[1])
        if size >= SIZE or len(held) == RECORDS:
            yield Records(name, unit, tuple(held))
            held, size = [], 0
    if held:
        yield Records(name, unit, tuple(held))


def _size(value: Any) -> int:
    """About the bytes of a record; it may be nested more deeply than functions can call each other."""
    size = 0
    left = [value]
    while left:
        item = left.pop()
        size += 8
        if isinstance(item, str | bytes):
            size += len(item)
        elif isinstance(item, dict):
            left.extend(item.keys())
            left.extend(item.values())
        elif isinstance(item, list | tuple):
            left.extend(item)
    return size
