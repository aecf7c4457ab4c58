"""The answers whose log-probabilities a loss compares with those of a reference model."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import datasets
import numpy as np

from smolc.runtime.jobs.train import DpoLoss, KtoLoss
from smolc.runtime.train.rows import Ints, lengths_of

Floats = np.ndarray[Any, np.dtype[np.float32]]


@dataclass(frozen=True)
class Sides:
    """ids: columns of answers to the row's prompt. kept: the columns in which TRL's collator and loss look for what the
    reference makes of them."""

    ids: tuple[str, ...]
    kept: tuple[str, ...]


PAIR = Sides(("chosen_ids", "rejected_ids"), ("ref_chosen_logps", "ref_rejected_logps"))
JUDGED = Sides(("completion_ids",), ("ref_logps",))
MISMATCHED = Sides(("completion_ids", "KL_completion_ids"), ("ref_logps", "ref_KL_logps"))
"""For KTO's estimate of the KL each prompt has the answer to another, too."""


def sides_of(loss: Any) -> Sides | None:
    """None for a loss without a reference."""
    if isinstance(loss, DpoLoss):
        return PAIR
    if isinstance(loss, KtoLoss):
        return MISMATCHED if loss.loss == "kto" else JUDGED
    return None


def ld_alpha_of(loss: Any) -> float | None:
    """How much tokens of an answer beyond its row's shorter one count, where that is not as much as all."""
    return loss.ld_alpha if isinstance(loss, DpoLoss) else None


@dataclass(frozen=True)
class Answer:
    """shared: its tokens within the length of the row's shorter answer."""

    prompt: list[int]
    ids: list[int]
    shared: int


class Answers:
    """Those of all rows of some splits, numbered; one that comes again, to the same prompt, has one number.

    by_shorter: what the reference makes of an answer depends on the other one's length, too. first: of each answer the
    first place where it is. which: of each place the answer.
    """

    def __init__(self, splits: list[datasets.Dataset], sides: Sides, *, by_shorter: bool = False) -> None:
        self.splits = splits
        self.sides = sides
        keys = [key for rows in splits for key in _keys(rows, sides, by_shorter)]
        # By content, so that neither the order of the rows nor how often one comes changes a number.
        self.distinct = sorted(set(keys))
        numbers = {key: number for number, key in enumerate(self.distinct)}
        self.which = np.fromiter((numbers[key] for key in keys), np.int64, len(keys))
        self.first = np.empty(len(self.distinct), np.int64)
        self.first[self.which[::-1]] = np.arange(len(keys))[::-1]

    def __len__(self) -> int:
        return len(self.first)

    def __getitem__(self, number: int) -> Answer:
        row, side = divmod(int(self.first[number]), len(self.sides.ids))
        for rows in self.splits:
            if row < len(rows):
                found = rows[row]
                shared = min(len(found[name]) for name in self.sides.ids)
                return Answer(found["prompt_ids"], found[self.sides.ids[side]], shared)
            row -= len(rows)
        raise IndexError(number)

    def by_length(self) -> Ints:
        """All numbers, longest first, prompts counted in."""
        each = [
            np.stack([lengths_of(rows, "prompt_ids") + lengths_of(rows, name) for name in self.sides.ids], 1)
            for rows in self.splits
        ]
        return np.argsort(-np.concatenate(each).reshape(-1)[self.first], kind="stable")

    def with_kept(self, values: Floats) -> list[datasets.Dataset]:
        """The splits with a value for each answer, from one for each number."""
        spread = values[self.which].reshape(-1, len(self.sides.ids))
        done, out = 0, []
        for rows in self.splits:
            mine, done = spread[done : done + len(rows)], done + len(rows)
            for i, name in enumerate(self.sides.kept):
                rows = rows.add_column(name, np.ascontiguousarray(mine[:, i]))
            out.append(rows)
        return out

    def digest(self) -> str:
        """Of all that is asked for."""
        return hashlib.sha256(b"".join(self.distinct)).hexdigest()


def contents(rows: datasets.Dataset, name: str) -> Iterator[bytes]:
    """A hash of each list of a column."""
    for chunk in rows.data.column(name).chunks:
        ids, bounds = chunk.flatten().to_numpy().astype(np.int64), chunk.offsets.to_numpy()
        yield from (_hash(ids[a:b].tobytes()) for a, b in pairwise((bounds - bounds[0]).tolist()))


def _keys(rows: datasets.Dataset, sides: Sides, by_shorter: bool) -> Iterator[bytes]:
    columns = [contents(rows, name) for name in ("prompt_ids", *sides.ids)]
    shorter = np.min([lengths_of(rows, name) for name in sides.ids], axis=0) * by_shorter
    for prompt, *answers, length in zip(*columns, shorter, strict=True):
        yield from (_hash(prompt + answer + length.tobytes()) for answer in answers)


def _hash(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=16).digest()
