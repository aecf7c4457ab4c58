"""The four canonical examples. The template sees the messages as they are here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Message = dict[str, Any]


@dataclass(slots=True)
class Text:
    text: str


@dataclass(slots=True)
class Chat:
    """`messages[:prompt_turns]` is the prompt, what follows the completion.

    untrained: indices of the assistant's messages that the data keeps out of the loss, ascending.
    """

    messages: list[Message]
    prompt_turns: int
    tools: list[Any] | None
    kwargs: dict[str, Any]
    untrained: tuple[int, ...] = ()


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
