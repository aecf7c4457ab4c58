"""Answers that are compared, and answers that are judged."""

from __future__ import annotations

from smolc.runtime.data.formats.examples import Judged, Message, Pair
from smolc.runtime.data.formats.fields import column, truth
from smolc.runtime.data.formats.messages import SYSTEM, Conversation, Reader
from smolc.runtime.data.formats.sides import Row, answer, read_side, with_own_system
from smolc.runtime.data.rows import RowError, found
from smolc.runtime.jobs.prepare import Preference, Unpaired

ASKS = ("user", *SYSTEM)


def preference(data: Row, format: Preference, reader: Reader, system: str | None) -> Pair:
    """The prompt in a column of its own (which the answers may repeat, as UltraFeedback's do), or what both begin
    with."""
    sides = [read_side(data, name, "assistant", reader) for name in (format.chosen, format.rejected)]
    chosen, rejected = (said.messages for said in sides)
    if format.prompt is not None:
        given = read_side(data, format.prompt, "user", reader).messages
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
        if not prompt:
            _conversation(data, format.chosen)
            raise RowError(
                f"expected {format.chosen!r} and {format.rejected!r} to begin with the same prompt"
            )
    for name, said in ((format.chosen, chosen), (format.rejected, rejected)):
        if not said:
            raise RowError(f"expected an answer in {name!r}, found only the prompt")
        answer(Conversation(said, []), name)
    for name, whole in zip((format.chosen, format.rejected), sides, strict=True):
        _whole(whole, len(chosen) if name == format.chosen else len(rejected), name)
    if chosen == rejected:
        raise RowError(f"expected {format.chosen!r} and {format.rejected!r} to differ, found them equal")
    prompt = with_own_system(Conversation(prompt, []), data, format.system, system).messages
    return Pair(prompt, chosen, rejected)


def _conversation(data: Row, name: str) -> None:
    """Raises RowError where the column that has to hold the prompt, too, holds no list."""
    if not isinstance(value := column(data, name), list):
        raise RowError(
            f"expected a list of messages in {name!r}, the prompt first, since no column holds the prompt; "
            f"found {found(value)}"
        )


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


def unpaired(data: Row, format: Unpaired, reader: Reader, system: str | None) -> Judged:
    label = column(data, format.label)
    if isinstance(label, str):
        label = truth(label)
    if not (isinstance(label, bool) or label in (0, 1)):
        raise RowError(
            f"expected true or false in {format.label!r}, found {found(column(data, format.label))}"
        )
    if format.prompt is None:
        _conversation(data, format.completion)
    said = read_side(data, format.completion, "assistant", reader)
    if format.prompt is None:
        length, prompt = 1, Conversation(_before_last(said.messages, format.completion), [])
    else:
        whole = ': say prompt = "" if it holds the whole conversation'
        length = len(answer(said, format.completion, whole).messages)
        prompt = read_side(data, format.prompt, "user", reader)
    _whole(said, length, format.completion)
    prompt = with_own_system(prompt, data, format.system, system)
    return Judged(prompt.messages, said.messages[-length:], bool(label))


def _before_last(messages: list[Message], name: str) -> list[Message]:
    """The prompt of a conversation whose last message is the answer."""
    role = messages[-1]["role"]
    if role != "assistant":
        raise RowError(
            f"expected the conversation in {name!r} to end with the assistant's answer, which is judged, found one of the "
            f"{role} at its end"
        )
    if len(messages) == 1:
        raise RowError(f"expected a message that the assistant answers in {name!r}, found nothing before it")
    return messages[:-1]
