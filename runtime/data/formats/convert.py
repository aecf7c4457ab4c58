"""One function a format, from a row's columns to an example."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from smolc.runtime.data.formats.examples import Chat, Example, Judged, Message, Pair, Text
from smolc.runtime.data.formats.fields import blank, column, parsed, text, truth
from smolc.runtime.data.formats.mapping import Pattern, pattern
from smolc.runtime.data.formats.messages import PLAIN, SYSTEM, Conversation, Reader, turn, with_system
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

Row = dict[str, Any]
ASKS = ("user", *SYSTEM)


def converter(format: Format, system: str | None) -> Callable[[Row], Example]:
    """What turns the rows of one source into examples; it raises RowError.

    system: the system prompt of conversations without one of their own. Raises JobError if the format itself is wrong.
    """
    if isinstance(format, PlainText):
        return lambda data: Text(text(data, format.column))
    if isinstance(format, Messages):
        reader = Reader(format.role, format.content, format.roles)
        return lambda data: _messages(data, format, reader, system)
    if isinstance(format, Preference):
        return lambda data: _preference(data, format, system)
    if isinstance(format, Unpaired):
        return lambda data: _unpaired(data, format, system)
    if isinstance(format, Mapped):
        return _mapped(format, system)
    return lambda data: _prompt_completion(data, format, system)


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


def _side(data: Row, name: str, role: str) -> Conversation:
    """A text as one message of `role`, or a column of messages."""
    value = column(data, name)
    return PLAIN.read(value, name) if isinstance(value, list) else turn(role, text(data, name))


def _answer(said: Conversation, name: str) -> Conversation:
    role = said.messages[0]["role"]
    if role != "assistant":
        raise RowError(f"expected the completion {name!r} to start with the assistant, found {role!r}")
    return said


def _prompt_completion(data: Row, format: PromptCompletion | Alpaca, system: str | None) -> Chat:
    if isinstance(format, Alpaca):
        content, extra = text(data, format.instruction), None
        if format.input is not None:
            extra = column(data, format.input)
        if extra is not None and not isinstance(extra, str):
            raise RowError(f"expected text in {format.input!r}, found {found(extra)}")
        prompt = turn("user", f"{content}\n\n{extra}" if extra and not blank(extra) else content)
        name = format.output
    else:
        prompt, name = _side(data, format.prompt, "user"), format.completion
    return _joined(with_system(prompt, system), _answer(_side(data, name, "assistant"), name), name)


def _joined(prompt: Conversation, answer: Conversation, name: str) -> Chat:
    turns = len(prompt.messages)
    untrained = prompt.untrained + [turns + i for i in answer.untrained]
    return _chat(Conversation(prompt.messages + answer.messages, untrained), turns, name)


def _preference(data: Row, format: Preference, system: str | None) -> Pair:
    """The prompt in a column of its own (which the answers may repeat, as UltraFeedback's do), or what both begin
    with."""
    sides = [_side(data, name, "assistant") for name in (format.chosen, format.rejected)]
    chosen, rejected = (side.messages for side in sides)
    if format.prompt is not None:
        given = _side(data, format.prompt, "user").messages
        prompt, chosen = _split(given, chosen, format.chosen)
        other, rejected = _split(given, rejected, format.rejected)
        if len(prompt) == len(other) and not _same(prompt, other):
            raise RowError(
                f"expected {format.chosen!r} and {format.rejected!r} to begin with the same prompt"
            )
        prompt = max(prompt, other, key=len)
    else:
        shared, shorter = 0, min(len(chosen), len(rejected))
        while shared < shorter and chosen[shared] == rejected[shared]:
            shared += 1
        prompt, chosen, rejected = chosen[:shared], chosen[shared:], rejected[shared:]
        if not chosen and not rejected:
            raise RowError(
                f"expected {format.chosen!r} and {format.rejected!r} to differ, found the same conversation"
            )
        if not prompt and isinstance(column(data, format.chosen), str):
            raise RowError(
                f"expected a list of messages in {format.chosen!r}, the prompt first, since no column holds the prompt; "
                f"found {found(column(data, format.chosen))}"
            )
        if not prompt:
            raise RowError(
                f"expected {format.chosen!r} and {format.rejected!r} to begin with the same prompt"
            )
    for name, side in ((format.chosen, chosen), (format.rejected, rejected)):
        if not side:
            raise RowError(f"expected an answer in {name!r}, found only the prompt")
        _answer(Conversation(side, []), name)
    for name, said in zip((format.chosen, format.rejected), sides, strict=True):
        _whole(said, len(chosen) if name == format.chosen else len(rejected), name)
    if chosen == rejected:
        raise RowError(f"expected {format.chosen!r} and {format.rejected!r} to differ, found them equal")
    return Pair(with_system(Conversation(prompt, []), system).messages, chosen, rejected)


def _split(prompt: list[Message], side: list[Message], name: str) -> tuple[list[Message], list[Message]]:
    """Prompt and answer, of a side that is the answer or the whole conversation. Either of the two may be the one that
    has the system prompt."""
    if side[0]["role"] == "assistant":
        return prompt, side
    own, given = side[0]["role"] in SYSTEM, prompt[0]["role"] in SYSTEM
    asked = prompt if own and given else prompt[given:]
    start = int(own and not given)
    end = start + len(asked)
    if not _same(side[start:end], asked):
        raise RowError(
            f"expected {name!r} to start with the assistant, or to repeat the prompt, found neither"
        )
    return (side[:end] if own else prompt), side[end:]


def _same(one: list[Message], other: list[Message]) -> bool:
    """The same words; columns of one file may disagree in spaces around them and in keys beside them."""
    return len(one) == len(other) and all(
        a["role"] == b["role"] and a["content"].strip() == b["content"].strip()
        for a, b in zip(one, other, strict=True)
    )


def _whole(said: Conversation, length: int, name: str) -> None:
    """An answer that is compared or judged is trained as a whole, and so is all that stands in it."""
    asked = next((m["role"] for m in said.messages[len(said.messages) - length :] if m["role"] in ASKS), None)
    if asked is not None:
        raise RowError(
            f"expected an answer of the assistant in {name!r}, found a message of {asked!r} after it begins, which would "
            "be trained"
        )
    if any(i >= len(said.messages) - length for i in said.untrained):
        raise RowError(
            f"expected all of the answer {name!r} to be trained, found a message kept out of the loss"
        )


def _unpaired(data: Row, format: Unpaired, system: str | None) -> Judged:
    label = column(data, format.label)
    if isinstance(label, str):
        label = truth(label)
    if not (isinstance(label, bool) or label in (0, 1)):
        raise RowError(
            f"expected true or false in {format.label!r}, found {found(column(data, format.label))}"
        )
    prompt = with_system(_side(data, format.prompt, "user"), system)
    answer = _answer(_side(data, format.completion, "assistant"), format.completion)
    _whole(answer, len(answer.messages), format.completion)
    return Judged(prompt.messages, answer.messages, bool(label))


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
