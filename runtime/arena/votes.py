"""Votes as the page saves them, and what they teach: rows of preferences."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smolc.runtime.arena.answers import Answer
from smolc.runtime.arena.pairs import Pair
from smolc.runtime.data.formats import Message
from smolc.runtime.jobs.errors import JobError

SHARES = {"left": 1.0, "right": 0.0, "tie": 0.5, "bad": 0.5}
TEXTS = ("pair", "task", "id", "left", "right", "vote")


@dataclass(frozen=True)
class Vote:
    """pair: the `key` of a `Pair`. left, right: models. vote: `left`, `right`, `tie` or `bad` (both are)."""

    pair: str
    task: str
    id: str
    left: str
    right: str
    vote: str

    @property
    def left_share(self) -> float:
        return SHARES[self.vote]

    @property
    def winner(self) -> str | None:
        return {"left": self.left, "right": self.right}.get(self.vote)


def read_votes(path: Path) -> list[Vote]:
    """Raises JobError naming the line that is none."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise JobError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    found = [_vote(line, f"{path}:{number}") for number, line in enumerate(lines, 1) if line.strip()]
    if not found:
        raise JobError(f"{path}: no votes", help="the arena's page saves them: Save votes")
    return found


def _vote(line: str, place: str) -> Vote:
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise JobError(f"{place}: expected a vote (an object), found {line[:60]!r}")
    for name in TEXTS:
        if not isinstance(data.get(name), str):
            raise JobError(f"{place}: expected text in `{name}`, found {data.get(name)!r}"[:300])
    if data["vote"] not in SHARES:
        raise JobError(
            f"{place}: expected the vote to be one of {', '.join(SHARES)}, found {data['vote'][:60]!r}"
        )
    if data["left"] == data["right"]:
        raise JobError(f"{place}: expected two models, found {data['left'][:60]!r} twice")
    return Vote(*(data[name] for name in TEXTS))


@dataclass
class Preferences:
    """rows: prompt, chosen and rejected as messages. left_out: why votes gave no row, and how many."""

    rows: list[dict[str, Any]]
    left_out: dict[str, int]


def preferences(votes: Sequence[Vote], pairs: Sequence[Pair]) -> Preferences:
    """A row for each pair that most of its votes decided, as `format = preference` reads it. Left out is what would
    teach something else than what was voted on."""
    by_key = {pair.key: pair for pair in pairs}
    won: dict[str, list[Vote]] = {}
    for vote in votes:
        won.setdefault(vote.pair, []).append(vote)
    found = Preferences([], {})
    for key, said in won.items():
        pair = by_key.get(key)
        winners = [vote.winner for vote in said]
        chosen = next((m for m in winners if m is not None and 2 * winners.count(m) > len(winners)), None)
        why = "undecided" if chosen is None else "answers that are no longer there" if pair is None else None
        if why is None and pair is not None and chosen is not None:
            why = (
                "no answers of these models"
                if chosen not in (pair.left, pair.right)
                else _unfit(pair, chosen)
            )
        if why is not None or pair is None or chosen is None:
            found.left_out[why or ""] = found.left_out.get(why or "", 0) + 1
            continue
        rejected = pair.right if chosen == pair.left else pair.left
        found.rows.append(
            {
                "prompt": pair.prompt.messages,
                "chosen": _said(pair.answer(chosen)),
                "rejected": _said(pair.answer(rejected)),
                "from": {
                    "task": pair.prompt.task,
                    "id": pair.prompt.id,
                    "chosen": chosen,
                    "rejected": rejected,
                },
            }
        )
    return found


def _unfit(pair: Pair, chosen: str) -> str | None:
    prompt = pair.prompt
    if prompt.rendered:
        return "prompts known only as a template rendered them"
    if prompt.follow_ups:
        return "conversations of several turns, whose user would be trained"
    if prompt.tools:
        return "prompts with tools, which preference rows have no place for"
    if pair.answer(chosen).cut:
        return "better answers that were cut off, and would teach never to end"
    if not all(turn for model in (pair.left, pair.right) for turn in pair.answer(model).turns):
        return "answers that say nothing"
    if not all(str(m["content"]).strip() for m in prompt.messages if m["role"] == "user"):
        return "empty prompts"
    return None


def _said(answer: Answer) -> list[Message]:
    return [{"role": "assistant", "content": text} for text in answer.turns]
