"""A side of a row: a column with a text, one message, or a list of messages; and the row's own system prompt."""

from __future__ import annotations

from typing import Any

from smolc.runtime.data.formats.fields import blank, column, text
from smolc.runtime.data.formats.messages import SYSTEM, Conversation, Reader, turn, with_system
from smolc.runtime.data.rows import RowError, found
from smolc.runtime.jobs.prepare import Sides

Row = dict[str, Any]


def reader_of(format: Sides) -> Reader:
    """What reads the messages of a format's columns, and says what to write for those that it cannot read."""
    return Reader(
        tuple((spelling.role, spelling.content) for spelling in format.spellings),
        format.roles,
        "say what the data calls the two: role = ... and content = ... of the format",
        'say role = "from" and content = "value" of the format',
    )


def read_side(data: Row, name: str, role: str, reader: Reader) -> Conversation:
    """A text is a message of `role`."""
    value = column(data, name)
    if isinstance(value, dict):
        return reader.one(value, name)
    return reader.read(value, name) if isinstance(value, list) else turn(role, text(data, name))


def answer(said: Conversation, name: str, instead: str = "") -> Conversation:
    """instead: what to write if it is none."""
    role = said.messages[0]["role"]
    if role != "assistant":
        raise RowError(
            f"expected the completion {name!r} to start with the assistant, found {role!r}{instead}"
        )
    return said


def with_own_system(said: Conversation, data: Row, name: str | None, system: str | None) -> Conversation:
    """A prompt with its system prompt: its own, else that in the row's column `name`, else the source's. Of the first two
    neither is left out without a word."""
    own = column(data, name) if name is not None else None
    if own is not None and not isinstance(own, str):
        raise RowError(f"expected text in {name!r}, found {found(own)}")
    if own is None or blank(own):
        return with_system(said, system)
    first = said.messages[0]
    if first["role"] in SYSTEM and first["content"].strip() != own.strip():
        raise RowError(f"expected one system prompt, found one in {name!r} and another among the messages")
    return with_system(said, own)
