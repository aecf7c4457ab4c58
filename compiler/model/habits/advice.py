"""What a name of another tool is answered with. A habit looks at the place and says one of these."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from smolc.compiler.model.habits.place import Place
from smolc.compiler.model.habits.written import Writes, is_off
from smolc.compiler.syntax import tree

UNKNOWN = "..."
"""For a value that cannot be carried over."""


@dataclass(frozen=True)
class Into:
    """Arguments of the constructor that the stage has under `key`; of `word`, where the name asks for one."""

    key: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    word: str | None = None
    note: str = ""


@dataclass(frozen=True)
class Line:
    """`key = value` in a block of this kind."""

    block: str
    key: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Leave:
    """Nothing is to be written; `why` says what holds without it."""

    why: str


@dataclass(frozen=True)
class Told:
    """There is no such thing, or it is written in more than one place."""

    text: str


Advice = Into | Line | Leave | Told


@dataclass(frozen=True)
class Seen:
    """A name of another tool in a recipe."""

    name: str
    value: tree.Value | None
    place: Place


Habit = Callable[[Seen], Advice | None]


@dataclass(frozen=True)
class Entry:
    """`example`: a value as that tool's users write it, for the reference; `block`: where they would."""

    habit: Habit
    example: str
    block: str = "stage"


Table = dict[str, Entry]


def into(
    key: str, argument: str, writes: Writes, word: str | None = None, off: str = "", note: str = ""
) -> Habit:
    """The value as an argument; `off` is what holds if it is switched off."""

    def habit(seen: Seen) -> Advice:
        if off and is_off(seen.value):
            return Leave(off)
        return Into(key, {argument: writes(seen.value) or UNKNOWN}, word, note)

    return habit


def line(key: str, writes: Writes, block: str = "stage", off: str = "", note: str = "") -> Habit:
    """The value under another key; `off` is what holds if it is switched off."""

    def habit(seen: Seen) -> Advice:
        if off and is_off(seen.value):
            return Leave(off)
        return Line(block, key, writes(seen.value) or UNKNOWN, note)

    return habit


def otherwise(habit: Habit, text: str) -> Habit:
    """The same habit, with a text for what it has no answer to."""
    return lambda seen: habit(seen) or Told(text)


def leave(why: str) -> Habit:
    return lambda seen: Leave(why)


def told(text: str) -> Habit:
    return lambda seen: Told(text)
