"""Messages as chat templates take them, from the forms that datasets have them in.

What is an error of the row, since templates would lose it or a model would learn nonsense from it:

- no messages at all; a role that is none of ours and that `roles` does not map to one;
- a second system (or developer) message, or one that is not the first: templates read `messages[0]` only;
- content that is null (but beside tool calls, where it becomes empty), or no text; parts other than text;
- a user or an assistant who says nothing (but beside tool calls); reasoning that is no text;
- tool calls of another role than the assistant's, without a name, or with arguments that are no object;
- `train` and `weight` that are neither 0 nor 1, that contradict each other, or that ask for a message of another role
  to be trained, which is what `loss_on` is for.

What is accepted: an assistant that speaks first (templates that cannot write that say so), several messages of one role
in a row, empty system prompts and tool results, tool results without a call (many datasets write calls as text).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from smolc.runtime.data.formats.examples import Message
from smolc.runtime.data.formats.fields import blank, parsed
from smolc.runtime.data.rows import RowError, found

ROLES = ("system", "developer", "user", "assistant", "tool")
SYSTEM = ("system", "developer")
REASONING = ("reasoning_content", "thinking", "reasoning")


@dataclass(slots=True)
class Conversation:
    """untrained: indices of assistant's messages that are kept out of the loss."""

    messages: list[Message]
    untrained: list[int]


@dataclass(slots=True, frozen=True)
class Reader:
    """spellings: what the data may call a message's role and its content; a message is read in the first whose role it has.

    roles: what the data calls a role, and what it is. otherwise, sharegpt: what to write for messages that have another
    spelling, and for those that have ShareGPT's.
    """

    spellings: tuple[tuple[str, str], ...]
    roles: dict[str, str]
    otherwise: str = ""
    sharegpt: str = ""

    def read(self, value: Any, name: str) -> Conversation:
        """value: a list of messages, or one as JSON text. Raises RowError."""
        if isinstance(value, str):
            value = parsed(value, repr(name), list, "a list of messages")
        if not isinstance(value, list):
            raise RowError(f"expected a list of messages in {name!r}, found {found(value)}")
        if not value:
            raise RowError(f"expected messages in {name!r}, found an empty list")
        messages: list[Message] = []
        untrained: list[int] = []
        plain = self.spellings[0] == ("role", "content") and self.roles.keys().isdisjoint(
            ("user", "assistant")
        )
        for given in value:
            if plain and type(given) is dict and len(given) == 2:
                # Most messages are no more than this, and nothing about them has to be looked at twice.
                said, role = given.get("content"), given.get("role")
                if type(said) is str and (role == "user" or role == "assistant") and not blank(said):
                    messages.append(given)
                    continue
            place = f"{name}[{len(messages)}]"
            message = self._message(given, place)
            if message["role"] in SYSTEM and messages:
                second = any(m["role"] in SYSTEM for m in messages)
                why = "a second one" if second else f"it after the {messages[-1]['role']}"
                raise RowError(f"expected one system message, the first, found {why} in {place}")
            if _left_out(message, place):
                untrained.append(len(messages))
            messages.append(message)
        return Conversation(messages, untrained)

    def one(self, value: dict[str, Any], name: str) -> Conversation:
        """A single message. Raises RowError."""
        message = self._message(value, name)
        return Conversation([message], [0] if _left_out(message, name) else [])

    def _message(self, given: Any, place: str) -> Message:
        if not isinstance(given, dict):
            raise RowError(f"expected {place} to be a message (an object), found {found(given)}")
        spelling = next((s for s in self.spellings if given.get(s[0]) is not None), self.spellings[0])
        of_role, of_content = spelling
        for key in spelling:
            if key not in given and not (key == of_content and given.get("tool_calls")):
                wanted = [of_content] if key == of_content else [role for role, _ in self.spellings]
                raise RowError(
                    f"expected a {' or '.join(map(repr, wanted))} in {place}, found only "
                    f"{', '.join(map(repr, given)) or 'an empty object'}"
                    + (self._hint(given) if key == of_role else "")
                )
        role = given[of_role]
        if isinstance(role, str):
            role = self.roles.get(role, role)
        if role not in ROLES:
            known = dict.fromkeys((*self.roles, *ROLES))
            raise RowError(
                f"expected the role of {place} to be one of {', '.join(known)}, found {found(given[of_role])}"
            )
        message: Message = {"role": role, "content": given.get(of_content)}
        for key, value in given.items():
            # A template would take a null that a columnar file put there for something given.
            if value is not None and key not in spelling:
                message[key] = value
        _complete(message, place, of_content)
        return message

    def _hint(self, given: dict[str, Any]) -> str:
        if "from" in given and "value" in given:
            return self.sharegpt and f"; this is the ShareGPT form: {self.sharegpt}"
        return self.otherwise and f"; {self.otherwise}"


def _complete(message: Message, place: str, of_content: str) -> None:
    role, said = message["role"], message["content"]
    calls = message.pop("tool_calls", None)
    if calls:
        if role != "assistant":
            raise RowError(f"expected tool calls of the assistant only, found some of the {role} in {place}")
        calls = parsed(calls, f"tool_calls of {place}", list, "a list of calls")
    if calls:
        message["tool_calls"] = [_call(c, f"{place}.tool_calls[{i}]") for i, c in enumerate(calls)]
        said = "" if said is None else said
    if isinstance(said, list):
        said = "".join(_part(part, f"{place}.{of_content}[{i}]") for i, part in enumerate(said))
    if not isinstance(said, str):
        raise RowError(f"expected text as the content of {place}, found {found(said)}")
    if role in ("user", "assistant") and blank(said) and not calls:
        raise RowError(f"expected the {role} to say something in {place}, found empty content")
    message["content"] = said
    for key in REASONING:
        if not isinstance(message.get(key, ""), str):
            raise RowError(f"expected text as the {key} of {place}, found {found(message[key])}")


def _part(part: Any, place: str) -> str:
    kind = part.get("type") if isinstance(part, dict) else None
    if kind != "text":
        raise RowError(f"expected {place} to be a part of type 'text', found {found(kind or part)}")
    if not isinstance(part.get("text"), str):
        raise RowError(f"expected text in {place}, found {found(part.get('text'))}")
    return str(part["text"])


def _call(given: Any, place: str) -> dict[str, Any]:
    """A call as templates take it: the function within, its arguments an object. OpenAI's API has them as JSON text,
    which `tojson` in a template would quote a second time."""
    if not isinstance(given, dict):
        raise RowError(f"expected {place} to be a call (an object), found {found(given)}")
    call = dict(given)
    function = call.get("function")
    if function is None:  # flat: {"name": ..., "arguments": ...}
        function = {key: call.pop(key) for key in ("name", "arguments") if key in call}
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise RowError(f"expected {place} to name a function, found {found(given)}")
    arguments = parsed(function.get("arguments"), f"the arguments of {place}", dict, "an object")
    return {"type": "function", **call, "function": {**function, "arguments": arguments or {}}}


def _left_out(message: Message, place: str) -> bool:
    """Takes `train` and `weight` out of a message. Only what the assistant says is out of the loss by them: the rest is
    not trained unless `loss_on` says so."""
    said = {key: message.pop(key) for key in ("train", "weight") if key in message}
    if not said:
        return False
    for key, value in said.items():
        if not isinstance(value, (bool, int, float)) or value not in (0, 1):
            raise RowError(f"expected true or false as {key!r} of {place}, found {found(value)}")
    if len({bool(value) for value in said.values()}) > 1:
        raise RowError(f"expected 'train' and 'weight' of {place} to agree, found {said}")
    trained = all(said.values())
    if trained and message["role"] != "assistant":
        raise RowError(
            f"expected only what the assistant says to be trained, found {next(iter(said))!r} of a message of the "
            f"{message['role']} in {place}: say loss_on = roles"
        )
    return not trained and message["role"] == "assistant"


PLAIN = Reader((("role", "content"),), {})


def turn(role: str, content: str) -> Conversation:
    return Conversation([{"role": role, "content": content}], [])


def with_system(conversation: Conversation, system: str | None) -> Conversation:
    """With a system message before it, where it has none."""
    if system is None or conversation.messages[0]["role"] in SYSTEM:
        return conversation
    return Conversation(
        [{"role": "system", "content": system}, *conversation.messages],
        [i + 1 for i in conversation.untrained],
    )
