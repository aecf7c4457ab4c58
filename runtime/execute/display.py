"""What is shown while jobs run: moving bars in a terminal, plain lines anywhere else.

Titles, notes and results come from recipes and logs, so all of it goes through `clean` and none of it is
markup."""

from __future__ import annotations

import sys
from typing import Protocol, TextIO

from smolc.runtime.execute.process import Running
from smolc.runtime.execute.states import HELD
from smolc.runtime.jobs.manifest import Entry
from smolc.runtime.report.text import clean, count, duration, shorten


class Display(Protocol):
    """Told of everything that happens, as it happens."""

    def already_done(self, entry: Entry) -> None: ...

    def held_back(self, entry: Entry) -> None: ...

    def started(self, entry: Entry, position: int, total: int) -> None: ...

    def moving(self, running: list[Running], finished: int, total: int) -> None: ...

    def ended(self, entry: Entry, seconds: float, result: str) -> None: ...

    def failed(self, entry: Entry, seconds: float, why: str) -> None: ...

    def say(self, line: str) -> None: ...

    def close(self) -> None: ...


def choose(quiet: bool, file: TextIO | None = None) -> Display:
    """Rich is imported only for a terminal."""
    stream = sys.stdout if file is None else file
    if quiet:
        return Quiet()
    if stream.isatty():
        from smolc.runtime.execute.live import Live

        return Live(stream)
    return Plain(stream)


class Plain:
    """One line for a start and one for an end; no control characters."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def already_done(self, entry: Entry) -> None:
        self.say(f"{clean(entry.id)}: already done")

    def held_back(self, entry: Entry) -> None:
        self.say(held_line(entry))

    def started(self, entry: Entry, position: int, total: int) -> None:
        self.say(f"job {position} of {total}: {clean(entry.id)}: {shorten(clean(entry.title), 120)}")

    def moving(self, running: list[Running], finished: int, total: int) -> None:
        pass

    def ended(self, entry: Entry, seconds: float, result: str) -> None:
        self.say(ended_line(entry, seconds, result))

    def failed(self, entry: Entry, seconds: float, why: str) -> None:
        self.say(failed_line(entry, seconds, why))

    def say(self, line: str) -> None:
        print(line, file=self._stream, flush=True)

    def close(self) -> None:
        pass


class Quiet:
    """Says nothing; what failed is told at the end by the caller."""

    def already_done(self, entry: Entry) -> None:
        pass

    def held_back(self, entry: Entry) -> None:
        pass

    def started(self, entry: Entry, position: int, total: int) -> None:
        pass

    def moving(self, running: list[Running], finished: int, total: int) -> None:
        pass

    def ended(self, entry: Entry, seconds: float, result: str) -> None:
        pass

    def failed(self, entry: Entry, seconds: float, why: str) -> None:
        pass

    def say(self, line: str) -> None:
        pass

    def close(self) -> None:
        pass


def ended_line(entry: Entry, seconds: float, result: str) -> str:
    """`✓ sft.lr=1e-3   41 s   loss 1.23 → 0.12`"""
    return f"✓ {clean(entry.id):<24} {duration(seconds):>12}   {shorten(clean(result), 120)}".rstrip()


def failed_line(entry: Entry, seconds: float, why: str) -> str:
    return f"✗ {clean(entry.id):<24} {duration(seconds):>12}   {clean(why)}"


def held_line(entry: Entry) -> str:
    return f"{clean(entry.id)}: {HELD}"


def how_far(done: float, total: float, unit: str) -> str:
    """`12/100 step`"""
    return f"{count(done)}/{count(total)} {shorten(clean(unit), 16)}".rstrip()
