"""From a row as it stands in a file to one of four canonical examples.

Text: a document. Chat: messages with roles. Pair: a prompt with a better and a worse answer. Judged: a
prompt with an answer that is good or not. The template sees the messages as they are here.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from smolc.runtime.data.rows import RowError, found
from smolc.runtime.jobs.prepare import (
    Alpaca,
    Condition,
    Format,
    Messages,
    PlainText,
    Preference,
    PromptCompletion,
    Unpaired,
)

Message = dict[str, Any]
ROLES = ("system", "developer", "user", "assistant", "tool")


@dataclass(slots=True)
class Text:
    text: str


@dataclass(slots=True)
class Chat:
    """`messages[:prompt_turns]` is the prompt, what follows the completion."""

    messages: list[Message]
    prompt_turns: int
    tools: list[Any] | None
    kwargs: dict[str, Any]


@dataclass(slots=True)
class Pair:
    prompt: list[Message]
    chosen: list[Message]
    rejected: list[Message]


@dataclass(slots=True)
class Judged:
    prompt: list[Message]
    completion: list[Message]
    label: bool


Example = Text | Chat | Pair | Judged


def column(data: dict[str, Any], name: str) -> Any:
    """The value of a column; `a.b` is the column of that name if there is one, else `b` within `a`.
    Raises RowError."""
    if name in data:
        return data[name]
    value: Any = data
    for part in name.split("."):
        if not isinstance(value, dict) or part not in value:
            raise RowError(
                f"expected a column {name!r}, found only {', '.join(map(repr, data)) or 'an empty object'}"
            )
        value = value[part]
    return value


def keeps(data: dict[str, Any], condition: Condition) -> bool:
    """Whether a row meets a condition. Text is compared with a number or true/false by its value, since
    csv has only text. Raises RowError where they cannot be compared."""
    value, wanted = column(data, condition.column), condition.value
    if isinstance(value, str) and isinstance(wanted, bool):
        value = _truth(value)
    elif isinstance(value, str) and isinstance(wanted, (int, float)):
        try:
            value = float(value)
        except ValueError:
            value = None
    numbers = isinstance(value, (int, float)) and isinstance(wanted, (int, float))
    if (
        value is None
        or (isinstance(value, bool) != isinstance(wanted, bool))
        or not (numbers or type(value) is type(wanted))
    ):
        what = found(column(data, condition.column))
        raise RowError(f"expected {condition.column!r} to compare with {found(wanted)}, found {what}")
    outcomes = {
        "==": value == wanted,
        "!=": value != wanted,
        "<": value < wanted,
        "<=": value <= wanted,
        ">": value > wanted,
        ">=": value >= wanted,
    }
    return bool(outcomes[condition.operator])


def converter(format: Format, system: str | None) -> Callable[[dict[str, Any]], Example]:
    """What turns the rows of one source into examples; it raises RowError."""
    if isinstance(format, PlainText):
        return lambda data: Text(_text(data, format.column))
    if isinstance(format, Messages):
        return lambda data: _chat(data, format, system)
    if isinstance(format, Preference):
        return lambda data: _pair(data, format, system)
    if isinstance(format, Unpaired):
        return lambda data: _judged(data, format, system)
    return lambda data: _prompt_completion(data, format, system)


def _text(data: dict[str, Any], name: str) -> str:
    value = column(data, name)
    if not isinstance(value, str):
        raise RowError(f"expected text in {name!r}, found {found(value)}")
    if not value.strip():
        raise RowError(f"expected text in {name!r}, found none")
    return value


def _messages(data: dict[str, Any], name: str) -> list[Message]:
    value = column(data, name)
    if not isinstance(value, list):
        raise RowError(f"expected a list of messages in {name!r}, found {found(value)}")
    if not value:
        raise RowError(f"expected messages in {name!r}, found an empty list")
    return [_message(message, f"{name}[{i}]") for i, message in enumerate(value)]


def _message(given: Any, name: str) -> Message:
    if not isinstance(given, dict):
        raise RowError(f"expected {name} to be a message (an object), found {found(given)}")
    if "role" not in given:
        help = "; this is the ShareGPT form, rename from/value to role/content" if "from" in given else ""
        raise RowError(f"expected a 'role' in {name}, found only {', '.join(map(repr, given))}{help}")
    role, content = given["role"], given.get("content")
    if role not in ROLES:
        raise RowError(f"expected the role of {name} to be one of {', '.join(ROLES)}, found {found(role)}")
    # Parquet fills keys that other messages have with null; a template would take those for given.
    message: Message = {key: value for key, value in given.items() if value is not None}
    if content is None and role == "assistant" and message.get("tool_calls"):
        message["content"] = ""
        return message
    if not isinstance(content, str):
        raise RowError(f"expected text as the content of {name}, found {found(content)}")
    if role == "assistant" and not content.strip() and not message.get("tool_calls"):
        raise RowError(f"expected the assistant to say something in {name}, found empty content")
    return message


def _with_system(messages: list[Message], system: str | None) -> list[Message]:
    if system is None or any(m["role"] in ("system", "developer") for m in messages):
        return messages
    return [{"role": "system", "content": system}, *messages]


def _parsed(data: dict[str, Any], name: str | None, type_: type, what: str) -> Any:
    """A column of objects, or of the same written as JSON; null and empty text mean none."""
    if name is None:
        return None
    value = column(data, name)
    if isinstance(value, str) and value.strip():
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise RowError(f"expected {what} in {name!r}, found {found(value)}") from None
    if value is None or value == "":
        return None
    if not isinstance(value, type_):
        raise RowError(f"expected {what} in {name!r}, found {found(value)}")
    return value


def _chat(data: dict[str, Any], format: Messages, system: str | None) -> Chat:
    messages = _with_system(_messages(data, format.column), system)
    prompt_turns = max((i for i, m in enumerate(messages) if m["role"] == "assistant"), default=len(messages))
    tools = _parsed(data, format.tools, list, "a list of tools")
    if tools is not None and not all(isinstance(tool, dict) for tool in tools):
        raise RowError(f"expected each tool in {format.tools!r} to be an object")
    kwargs = _parsed(data, format.template_kwargs, dict, "an object of template variables") or {}
    return Chat(messages, prompt_turns, tools or None, {k: v for k, v in kwargs.items() if v is not None})


def _side(data: dict[str, Any], name: str, role: str) -> list[Message]:
    """A text as one message of `role`, or a column of messages."""
    if isinstance(column(data, name), list):
        return _messages(data, name)
    return [{"role": role, "content": _text(data, name)}]


def _answers(messages: list[Message], name: str) -> None:
    role = messages[0]["role"]
    if role != "assistant":
        raise RowError(f"expected the completion {name!r} to start with the assistant, found {role!r}")


def _prompt_completion(data: dict[str, Any], format: PromptCompletion | Alpaca, system: str | None) -> Chat:
    if isinstance(format, Alpaca):
        instruction = _text(data, format.instruction)
        extra = column(data, format.input) if format.input is not None else None
        if extra is not None and not isinstance(extra, str):
            raise RowError(f"expected text in {format.input!r}, found {found(extra)}")
        content = f"{instruction}\n\n{extra}" if extra and extra.strip() else instruction
        prompt, completion = [{"role": "user", "content": content}], _side(data, format.output, "assistant")
    else:
        prompt, completion = _side(data, format.prompt, "user"), _side(data, format.completion, "assistant")
    prompt = _with_system(prompt, system)
    _answers(completion, format.output if isinstance(format, Alpaca) else format.completion)
    return Chat(prompt + completion, len(prompt), None, {})


def _pair(data: dict[str, Any], format: Preference, system: str | None) -> Pair:
    chosen = _side(data, format.chosen, "assistant")
    rejected = _side(data, format.rejected, "assistant")
    if format.prompt is not None:
        prompt = _side(data, format.prompt, "user")
    else:
        shared = 0
        while shared < min(len(chosen), len(rejected)) and chosen[shared] == rejected[shared]:
            shared += 1
        if shared == min(len(chosen), len(rejected)):
            raise RowError(
                f"expected {format.chosen!r} and {format.rejected!r} to differ, found the same conversation"
            )
        prompt, chosen, rejected = chosen[:shared], chosen[shared:], rejected[shared:]
        if not prompt:
            raise RowError(
                f"expected {format.chosen!r} and {format.rejected!r} to begin with the same prompt"
            )
    for name, side in ((format.chosen, chosen), (format.rejected, rejected)):
        _answers(side, name)
    if chosen == rejected:
        raise RowError(f"expected {format.chosen!r} and {format.rejected!r} to differ, found them equal")
    return Pair(_with_system(prompt, system), chosen, rejected)


def _judged(data: dict[str, Any], format: Unpaired, system: str | None) -> Judged:
    label = column(data, format.label)
    if isinstance(label, str):
        label = _truth(label)
    if not (isinstance(label, bool) or label in (0, 1)):
        raise RowError(
            f"expected true or false in {format.label!r}, found {found(column(data, format.label))}"
        )
    prompt = _with_system(_side(data, format.prompt, "user"), system)
    completion = _side(data, format.completion, "assistant")
    _answers(completion, format.completion)
    return Judged(prompt, completion, bool(label))


def _truth(text: str) -> bool | None:
    return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}.get(
        text.strip().lower()
    )
