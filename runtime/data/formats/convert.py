"""One function a format, from a row's columns to an example."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from smolc.runtime.data.formats.examples import Chat, Example, Message, Pair, Text
from smolc.runtime.data.formats.fields import blank, column, parsed, text
from smolc.runtime.data.formats.mapping import Pattern, pattern
from smolc.runtime.data.formats.messages import Conversation, Reader, turn, with_system
from smolc.runtime.data.formats.preferences import preference, unpaired
from smolc.runtime.data.formats.sides import Row, answer, read_side, reader_of, with_own_system
from smolc.runtime.data.rows import RowError, found
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.prepare import (
    Alpaca,
    Format,
    Mapped,
    Messages,
    PlainText,
    Preference,
    PromptCompletion,
    Unpaired,
)


def converter(format: Format, system: str | None) -> Callable[[Row], Example]:
    """What turns the rows of one source into examples; it raises RowError.

    system: the system prompt of conversations without one of their own. Raises JobError if the format itself is wrong.
    """
    if isinstance(format, PlainText):
        return lambda data: Text(text(data, format.column))
    if isinstance(format, Messages):
        of_messages = Reader(((format.role, format.content),), format.roles, sharegpt=_sharegpt(format))
        return lambda data: _messages(data, format, of_messages, system)
    if isinstance(format, Mapped):
        return _mapped(format, system)
    if isinstance(format, Alpaca):
        return lambda data: _alpaca(data, format, system)
    reader = reader_of(format)
    if isinstance(format, Preference):
        return lambda data: preference(data, format, reader, system)
    if isinstance(format, Unpaired):
        return lambda data: unpaired(data, format, reader, system)
    return lambda data: _prompt_completion(data, format, reader, system)


def _sharegpt(format: Messages) -> str:
    where = "" if format.column == "conversations" else f'("{format.column}")'
    return f"say format = sharegpt{where}"


def _messages(data: Row, format: Messages, reader: Reader, system: str | None) -> Chat:
    said = with_system(reader.read(column(data, format.column), format.column), system)
    last = len(said.messages) - 1
    while last >= 0 and said.messages[last]["role"] != "assistant":
        last -= 1
    if last == 0:
        raise RowError(
            f"expected a message that the assistant answers in {format.column!r}, found nothing before it"
        )
    turns = last if last > 0 else len(said.messages)
    return _chat(
        said, turns, format.column, _tools(data, format.tools), _variables(data, format.template_kwargs)
    )


def _tools(data: Row, name: str | None) -> list[Any] | None:
    if name is None:
        return None
    tools = parsed(column(data, name), repr(name), list, "a list of tools")
    if tools is not None and not all(isinstance(tool, dict) for tool in tools):
        raise RowError(f"expected each tool in {name!r} to be an object")
    return tools or None


def _variables(data: Row, name: str | None) -> dict[str, Any]:
    """Null means that a variable is not given."""
    if name is None:
        return {}
    given = parsed(column(data, name), repr(name), dict, "an object of template variables") or {}
    return {key: value for key, value in given.items() if value is not None}


def _chat(
    said: Conversation,
    prompt_turns: int,
    name: str,
    tools: list[Any] | None = None,
    kwargs: Row | None = None,
) -> Chat:
    if said.untrained and len(said.untrained) == sum(m["role"] == "assistant" for m in said.messages):
        raise RowError(
            f"expected a message of the assistant in {name!r} to train on, found all kept out of the loss"
        )
    return Chat(said.messages, prompt_turns, tools, kwargs or {}, tuple(said.untrained))


def _prompt_completion(data: Row, format: PromptCompletion, reader: Reader, system: str | None) -> Chat:
    prompt = with_own_system(read_side(data, format.prompt, "user", reader), data, format.system, system)
    name = format.completion
    return _joined(prompt, answer(read_side(data, name, "assistant", reader), name), name)


def _alpaca(data: Row, format: Alpaca, system: str | None) -> Chat:
    content, extra = text(data, format.instruction), None
    if format.input is not None:
        extra = column(data, format.input)
    if extra is not None and not isinstance(extra, str):
        raise RowError(f"expected text in {format.input!r}, found {found(extra)}")
    last = turn("user", f"{content}\n\n{extra}" if extra and not blank(extra) else content)
    prompt = Conversation([*_history(data, format.history), *last.messages], [])
    said = turn("assistant", text(data, format.output))
    return _joined(with_own_system(prompt, data, format.system, system), said, format.output)


def _history(data: Row, name: str | None) -> list[Message]:
    """Earlier turns, from `[question, answer]` pairs."""
    if name is None:
        return []
    messages: list[Message] = []
    what = "a list of [question, answer]"
    for i, pair in enumerate(parsed(column(data, name), repr(name), list, what) or []):
        if not (isinstance(pair, list) and len(pair) == 2 and all(isinstance(said, str) for said in pair)):
            raise RowError(f"expected {name}[{i}] to be [question, answer], two texts, found {found(pair)}")
        if any(map(blank, pair)):
            raise RowError(f"expected a question and an answer in {name}[{i}], found an empty text")
        messages += turn("user", pair[0]).messages + turn("assistant", pair[1]).messages
    return messages


def _joined(prompt: Conversation, answer: Conversation, name: str) -> Chat:
    turns = len(prompt.messages)
    untrained = prompt.untrained + [turns + i for i in answer.untrained]
    return _chat(Conversation(prompt.messages + answer.messages, untrained), turns, name)


def _mapped(format: Mapped, system: str | None) -> Callable[[Row], Example]:
    given = {
        key: pattern(value)
        for key in ("text", "system", "user", "assistant", "chosen", "rejected")
        if (value := getattr(format, key)) is not None
    }
    kinds = set(given) - {"system"}
    own = given.get("system")
    if set(given) == {"text"}:
        return lambda data: Text(_filled(data, given, "text"))

    def prompt(data: Row) -> Conversation:
        said = own.fill(data) if own is not None else ""
        return with_system(turn("user", _filled(data, given, "user")), system if blank(said) else said)

    def chat(data: Row) -> Chat:
        return _joined(prompt(data), turn("assistant", _filled(data, given, "assistant")), "assistant")

    def pair(data: Row) -> Pair:
        chosen, rejected = (_filled(data, given, side) for side in ("chosen", "rejected"))
        if chosen == rejected:
            raise RowError("expected 'chosen' and 'rejected' of the map to differ, found them equal")
        said = [turn("assistant", side).messages for side in (chosen, rejected)]
        return Pair(prompt(data).messages, *said)

    if kinds == {"user", "assistant"}:
        return chat
    if kinds == {"user", "chosen", "rejected"}:
        return pair
    raise JobError(
        f"map: expected text alone, user and assistant, or user, chosen and rejected, found {', '.join(given)}",
        help="a system prompt may stand beside user",
    )


def _filled(data: Row, given: dict[str, Pattern], name: str) -> str:
    said = given[name].fill(data)
    if blank(said):
        raise RowError(f"expected text as {name!r} of the map, found none")
    return said
