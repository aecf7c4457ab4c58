"""Rows as they were read, and the one error that names all that is wrong with a source."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from smolc.runtime.jobs.errors import JobError

SHOWN = 5  # bad rows named in one error
LISTED = 100_000  # in a list of what was left out


@dataclass(slots=True)
class Row:
    """One record. `number` counts from 1: lines of a jsonl or csv file (unit `line`), records of the
    others (`row`)."""

    file: str
    unit: str
    number: int
    data: dict[str, Any]

    @property
    def place(self) -> str:
        return place(self.file, self.unit, self.number)


def place(file: str, unit: str, number: int) -> str:
    """`chats.jsonl:17`, or `chats.parquet row 17` where there are no lines."""
    return f"{file}:{number}" if unit == "line" else f"{file} row {number}"


class RowError(Exception):
    """What is wrong with one row: what was expected and what was found. Never leaves this package."""


@dataclass
class Problems:
    """Bad rows of one source, collected so that a person sees several at once and how many there are. most: that are kept
    in words; an error names the first few of them."""

    source: str
    shown: list[str] = field(default_factory=list)
    count: int = 0
    most: int = SHOWN

    def add(self, where: str, what: str) -> None:
        self.count += 1
        if len(self.shown) < self.most:
            self.shown.append(f"{where}: {what}")

    def merge(self, count: int, shown: list[str]) -> None:
        """What was found elsewhere in the same source."""
        self.count += count
        self.shown += shown[: max(0, self.most - len(self.shown))]

    def check(self, help: str | None = None) -> None:
        """Raises JobError if there are any."""
        if self.count:
            raise JobError(self.listed(f"{self.source}: {self.counted}"), help=help)

    @property
    def counted(self) -> str:
        return f"{self.count:,} bad {'row' if self.count == 1 else 'rows'}"

    def listed(self, head: str) -> str:
        """The first bad rows, below `head`."""
        shown = self.shown[:SHOWN]
        more = self.count - len(shown)
        return "\n  ".join([head, *shown, *([f"... and {more:,} more"] if more else [])])


def found(value: object, limit: int = 60) -> str:
    """A value as shown in a message: its JSON type and how it begins."""
    names = {str: "text", bool: "true/false", int: "number", float: "number", list: "list", dict: "object"}
    if value is None:
        return "null"
    text = repr(value)
    return (
        f"{names.get(type(value), type(value).__name__)} {text[:limit]}{'...' if len(text) > limit else ''}"
    )
