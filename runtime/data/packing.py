"""Rows into bins of equal capacity.

Rows of one length are interchangeable, so bins are made over the histogram of lengths: a pattern of lengths is chosen
for one bin and used as often as there are rows for it. Each pattern uses up a length (or nearly so), hence there are
about as many patterns as different lengths, however many rows there are.

Sets of lengths are Python's integers, bit `n` for length `n`: "the longest that fits" and "a pair that fills this room
exactly" are a few operations on a kilobyte.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

Ints32 = np.ndarray[Any, np.dtype[np.int32]]
Ints64 = np.ndarray[Any, np.dtype[np.int64]]
Pattern = tuple[list[int], int]  # the lengths in a bin, and how many such bins

FIRSTS = 12
"""How many lengths are tried as the first of three that fill a room exactly."""


@dataclass(frozen=True)
class Bins:
    """rows: int32[n], row numbers bin after bin. bounds: int64[bins + 1]; bin `i` is `rows[bounds[i]:bounds[i + 1]]`."""

    rows: Ints32
    bounds: Ints64

    def __len__(self) -> int:
        return len(self.bounds) - 1


@dataclass(frozen=True)
class Cuts(Bins):
    """Pieces of rows: piece `j` is `start[j]:stop[j]` (int64, tokens) of row `rows[j]`; bounds are of pieces."""

    start: Ints64
    stop: Ints64


def best_fit(lengths: ArrayLike, capacity: int) -> Bins:
    """Whole rows into few bins: longest first, each bin filled exactly if a few of the remaining rows can do it.

    lengths: tokens a row, all within 1..capacity (ValueError otherwise). Never more bins than first-fit decreasing.
    Equal input gives equal bins; they come longest rows first, so that the caller must permute them. Time goes with
    the number of different lengths times the capacity, hardly with the number of rows.
    """
    sizes = np.asarray(lengths, dtype=np.int32)
    if not sizes.size:
        return Bins(np.zeros(0, dtype=np.int32), np.zeros(1, dtype=np.int64))
    if not 1 <= int(sizes.min()) <= int(sizes.max()) <= capacity:
        raise ValueError(f"lengths must be within 1..{capacity}")
    counts = np.bincount(sizes)
    patterns = _patterns(counts, capacity, exact=True)
    if _bins(patterns) > -(-int(sizes.sum(dtype=np.int64)) // capacity):
        patterns = min(patterns, _patterns(counts, capacity, exact=False), key=_bins)
    return _handed_out(sizes, patterns)


def _bins(patterns: list[Pattern]) -> int:
    return sum(times for _, times in patterns)


def _handed_out(sizes: Ints32, patterns: list[Pattern]) -> Bins:
    """Rows for the lengths: of each length the first row goes to the first place for it."""
    each = [np.tile(np.asarray(pattern, dtype=np.int32), times) for pattern, times in patterns]
    places = np.concatenate(each)
    rows = np.empty(len(sizes), dtype=np.int32)
    rows[np.argsort(places, kind="stable")] = np.argsort(sizes, kind="stable")
    held = np.repeat([len(pattern) for pattern, _ in patterns], [times for _, times in patterns])
    return Bins(rows, np.concatenate([[0], np.cumsum(held)]).astype(np.int64))


def _patterns(histogram: Ints64, capacity: int, *, exact: bool) -> list[Pattern]:
    """exact: look for rows that fill a bin exactly. Without, the longest that fits comes next: this is first-fit
    decreasing, seen bin by bin."""
    left = _Left(histogram, capacity)
    patterns: list[Pattern] = []
    while left.lengths:
        longest = left.lengths.bit_length() - 1
        pattern = [longest]
        left.take(pattern)
        room = capacity - longest
        while longest := left.longest(room):
            found = left.exactly(room, longest) if exact else None
            if found is None:
                # Short rows come many at once, but for the last three: those may be chosen.
                found = [longest] * max(1, min(room // longest - 3 * exact, left.counts[longest]))
            left.take(found)
            pattern += found
            room -= sum(found)
        again = left.again(pattern)
        if again:
            left.take(pattern, again)
        patterns.append((pattern, 1 + again))
    return patterns


class _Left:
    """Lengths of the rows that are in no bin yet.

    counts: rows by length. lengths: the set of lengths. mirrored: bit `capacity - n` for length `n`.
    """

    def __init__(self, histogram: Ints64, capacity: int) -> None:
        self.capacity = capacity
        self.counts: list[int] = histogram.tolist()
        present = np.zeros(capacity + 1, dtype=np.uint8)
        present[: len(histogram)] = histogram > 0
        self.lengths = _as_set(present)
        self.mirrored = _as_set(present[::-1])

    def longest(self, room: int) -> int:
        """The longest length within `room`, or 0."""
        return max(0, (self.lengths & ((2 << room) - 1)).bit_length() - 1)

    def take(self, lengths: list[int], times: int = 1) -> None:
        for length in lengths:
            self.counts[length] -= times
            if not self.counts[length]:
                self.lengths ^= 1 << length
                self.mirrored ^= 1 << (self.capacity - length)

    def again(self, pattern: list[int]) -> int:
        """How often a pattern can be had again."""
        if not all(self.counts[length] for length in pattern):
            return 0
        return min(self.counts[length] // many for length, many in Counter(pattern).items())

    def exactly(self, room: int, longest: int) -> list[int] | None:
        """One, two or three lengths that fill the room, long ones first. longest: the longest within it."""
        if longest == room:
            return [room]
        if longest * 4 < room:
            return None
        if pair := self.pair(room):
            return [pair, room - pair]
        first = longest
        for _ in range(FIRSTS):
            if first * 3 < room:
                break
            rest = room - first
            pair = self.pair(rest)
            if pair and pair <= first:
                found = [first, pair, rest - pair]
                if self.counts[first] >= found.count(first) and self.counts[pair] >= found.count(pair):
                    return found
            first = self.longest(first - 1)
        return None

    def pair(self, room: int) -> int:
        """The longer of two lengths that fill the room, the longest that does, or 0."""
        both = self.lengths & (self.mirrored >> (self.capacity - room))
        longer = both.bit_length() - 1
        return 0 if longer <= 0 or (longer * 2 == room and self.counts[longer] < 2) else longer


def _as_set(present: np.ndarray[Any, np.dtype[np.uint8]]) -> int:
    return int.from_bytes(np.packbits(present, bitorder="little").tobytes(), "little")


def wrapped(lengths: ArrayLike, capacity: int) -> Cuts:
    """All rows in a line, cut every `capacity` tokens; only the last bin is not full. Rows of 0 tokens are nowhere."""
    ends = np.cumsum(np.asarray(lengths, dtype=np.int64))
    total = int(ends[-1]) if len(ends) else 0
    # A piece ends where its row does, or where its bin does.
    cuts = np.union1d(ends[ends > 0], np.arange(capacity, total, capacity, dtype=np.int64))
    begins = np.concatenate([[0], cuts[:-1]])[: len(cuts)]
    rows = np.searchsorted(ends, begins, side="right")
    offset = np.concatenate([[0], ends])[rows]
    bounds = np.searchsorted(begins, np.arange(0, total + capacity, capacity))
    bounds[-1] = len(cuts)
    if not total:
        bounds = np.zeros(1, dtype=np.int64)
    return Cuts(rows.astype(np.int32), bounds.astype(np.int64), begins - offset, cuts - offset)
