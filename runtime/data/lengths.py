"""Rows that are longer than the recipe's `length`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from smolc.runtime.data.encode import Answered, Encoded
from smolc.runtime.data.rows import Row
from smolc.runtime.jobs.errors import JobError


@dataclass
class Counts:
    """overlong: rows longer than allowed; of these, dropped, cut where a turn ends, or cut within one
    (its end-of-turn is lost). untrained: rows dropped because nothing that is trained was left of them."""

    overlong: int = 0
    dropped: int = 0
    cut_at_turn: int = 0
    cut_within_turn: int = 0
    untrained: int = 0
    longest: int = 0


@dataclass
class Limit:
    length: int
    overlong: Literal["error", "drop", "truncate"]
    counts: Counts
    first: str = ""

    def fit(self, row: Row, encoded: Encoded) -> Encoded | None:
        """The row as it is used, or None. With `error`, `check` raises after all rows have been seen."""
        size = len(encoded.ids)
        if not self._is_over(row, size):
            return encoded
        if self.overlong != "truncate":
            self.counts.dropped += 1
            return None
        at = max((end for end in encoded.turn_ends if end <= self.length), default=0)
        if not encoded.trained[:at].any():
            at = self.length
        if not encoded.trained[:at].any():
            self.counts.untrained += 1
            return None
        if at in encoded.turn_ends:
            self.counts.cut_at_turn += 1
        else:
            self.counts.cut_within_turn += 1
        return Encoded(encoded.ids[:at], encoded.trained[:at], [])

    def fit_answers(self, row: Row, answered: Answered) -> Answered | None:
        """As `fit`; the prompt stays whole, the answers are cut."""
        room = self.length - len(answered.prompt)
        if not self._is_over(row, len(answered.prompt) + max(len(a) for a in answered.answers)):
            return answered
        if self.overlong != "truncate":
            self.counts.dropped += 1
            return None
        cut = [answer[: max(room, 0)] for answer in answered.answers]
        if room <= 0 or (len(cut) == 2 and cut[0].tolist() == cut[1].tolist()):
            self.counts.untrained += 1
            return None
        self.counts.cut_within_turn += 1
        answered.answers = cut
        return answered

    def _is_over(self, row: Row, size: int) -> bool:
        self.counts.longest = max(self.counts.longest, size)
        if size <= self.length:
            return False
        self.counts.overlong += 1
        self.first = self.first or f"{row.place} ({size} tokens)"
        return True

    def check(self, name: str) -> None:
        if self.overlong == "error" and self.counts.overlong:
            raise JobError(
                f"{name}: {self.counts.overlong} rows are longer than {self.length} tokens; the first is "
                f"{self.first}, "
                f"the longest has {self.counts.longest}",
                help="raise the length, or say overlong = drop or overlong = truncate",
            )


def fit_length(lengths: ArrayLike, quantile: float, at_most: int, multiple: int = 64) -> int:
    """The least multiple of `multiple` that `quantile` (0..1) of the rows fit into, but no more than `at_most`.

    lengths: tokens a row, at least one. Raises ValueError without any.
    """
    sizes = np.asarray(lengths)
    if not sizes.size:
        raise ValueError("there are no lengths to fit")
    # The row with this number, counted from 1, is the longest that has to fit. Digits: 0.99 of 100 rows are 99.
    rank = min(sizes.size, max(1, math.ceil(round(quantile * sizes.size, 6))))
    needed = int(np.partition(sizes, rank - 1)[rank - 1])
    return min(at_most, -(-needed // multiple) * multiple)
