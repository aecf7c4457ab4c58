"""Rows into bins of equal capacity."""

from __future__ import annotations

from bisect import bisect_left, insort

import numpy as np
from numpy.typing import ArrayLike

Piece = tuple[int, int, int]  # row, first token, token after the last


def best_fit(lengths: ArrayLike, capacity: int) -> list[list[int]]:
    """Best-fit decreasing over all rows: each row, longest first, goes where it leaves the least room.

    lengths: tokens a row, all within 1..capacity. Returns row numbers by bin; equal rows keep their order.
    """
    sizes = np.asarray(lengths, dtype=np.int64)
    if sizes.size and not 1 <= int(sizes.min()) <= int(sizes.max()) <= capacity:
        raise ValueError(f"lengths must be within 1..{capacity}")
    order = np.argsort(-sizes, kind="stable")
    bins: list[list[int]] = []
    # Open bins by the room that is left in them; `rooms` are the sizes that occur, ascending (at most
    # `capacity` of them).
    by_room: list[list[int]] = [[] for _ in range(capacity + 1)]
    rooms: list[int] = []
    for row, size in zip(order.tolist(), sizes[order].tolist(), strict=True):
        at = bisect_left(rooms, size)
        if at < len(rooms):
            room = rooms[at]
            stack = by_room[room]
            number = stack.pop()
            if not stack:
                del rooms[at]
            bins[number].append(row)
            room -= size
        else:
            number = len(bins)
            bins.append([row])
            room = capacity - size
        if room:
            stack = by_room[room]
            if not stack:
                insort(rooms, room)
            stack.append(number)
    return bins


def wrapped(lengths: ArrayLike, capacity: int) -> list[list[Piece]]:
    """All rows in a line, cut every `capacity` tokens; only the last bin is not full."""
    bins: list[list[Piece]] = []
    room = 0
    for row, length in enumerate(np.asarray(lengths, dtype=np.int64).tolist()):
        start = 0
        while start < length:
            if not room:
                bins.append([])
                room = capacity
            stop = min(length, start + room)
            bins[-1].append((row, start, stop))
            room -= stop - start
            start = stop
    return bins
