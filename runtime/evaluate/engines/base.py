"""What every engine offers: token ids in, token ids out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True)
class Wanted:
    """One answer to generate. ids: the prompt; room: tokens at most; seed: its own, 64 bits; stops: texts that end it,
    in the answer's decoded tokens."""

    ids: tuple[int, ...]
    room: int
    seed: int
    stops: tuple[str, ...]


@dataclass(frozen=True)
class Sampling:
    """temperature 0: greedy. end_ids: tokens that end an answer."""

    temperature: float
    top_p: float
    end_ids: tuple[int, ...]


Done = Callable[[int, list[int]], None]
"""Told the number of a request and what was generated: up to the end id or the token that completes a stop text, that
one included, or `room` tokens."""


class Engine(Protocol):
    """name: `transformers` or `vllm`; what is of another name may round differently. version: of that library; None
    until it is known."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str | None: ...

    def generate(self, wanted: Sequence[Wanted], sampling: Sampling, done: Done) -> None:
        """Calls `done` once for each, in any order. An answer depends on its request, not on the others."""

    def free(self) -> None:
        """Give memory back that the next call would take again."""

    def close(self) -> None: ...


def ended_at(ids: Sequence[int], end_ids: Sequence[int]) -> int | None:
    """How many tokens there are up to the first end id, that one included."""
    return next((n for n, token in enumerate(ids, 1) if token in end_ids), None)


def stopped_at(tokenizer: Any, ids: Sequence[int], stops: Sequence[str], seen: int = 0) -> int | None:
    """The fewest tokens whose text holds one of `stops`, or None. seen: so many were looked through before."""
    if not stops or not holds_stop(tokenizer, ids[max(0, seen - tail_of(stops)) :], stops):
        return None
    low, high = seen, len(ids)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds_stop(tokenizer, ids[:middle], stops) else (middle, high)
    return high


def tail_of(stops: Sequence[str]) -> int:
    """Tokens that a stop text is written in at most, one a byte, and some more: a tokenizer may write the first token of
    a text in another way."""
    return max((len(stop.encode()) for stop in stops), default=0) + 4


def holds_stop(tokenizer: Any, ids: Sequence[int], stops: Sequence[str]) -> bool:
    text = decoded(tokenizer, ids)
    return any(stop in text for stop in stops)


def decoded(tokenizer: Any, ids: Sequence[int]) -> str:
    return str(tokenizer.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False))


def cut(tokenizer: Any, ids: list[int], wanted: Wanted, end_ids: Sequence[int]) -> list[int]:
    """What `Done` is told, of tokens that may go on after that."""
    ids = ids[: wanted.room]
    ids = ids[: ended_at(ids, end_ids)]
    return ids[: stopped_at(tokenizer, ids, wanted.stops)]
