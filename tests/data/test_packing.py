"""Properties of packing."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smolc.runtime.data.packing import best_fit, wrapped

lengths = st.lists(st.integers(1, 40), max_size=200)


@given(lengths, st.integers(40, 100))
def test_best_fit_holds_every_row_once_and_overfills_nothing(sizes: list[int], capacity: int) -> None:
    bins = best_fit(sizes, capacity)
    assert sorted(row for rows in bins for row in rows) == list(range(len(sizes)))
    assert all(0 < sum(sizes[row] for row in rows) <= capacity for rows in bins)
    assert best_fit(np.asarray(sizes), capacity) == bins


@given(lengths, st.integers(40, 100))
def test_best_fit_equals_the_obvious_algorithm(sizes: list[int], capacity: int) -> None:
    rooms: list[int] = []
    for size in sorted(sizes, reverse=True):
        fitting = [i for i, room in enumerate(rooms) if room >= size]
        if fitting:
            rooms[min(fitting, key=lambda i: rooms[i])] -= size
        else:
            rooms.append(capacity - size)
    ours = [capacity - sum(sizes[row] for row in rows) for rows in best_fit(sizes, capacity)]
    assert sorted(ours) == sorted(rooms)


@pytest.mark.parametrize("sizes", [[5], [0]])
def test_best_fit_refuses_what_fits_in_no_bin(sizes: list[int]) -> None:
    with pytest.raises(ValueError, match=r"within 1\.\.4"):
        best_fit(sizes, 4)


@given(lengths, st.integers(1, 60))
def test_wrapped_keeps_the_order_and_fills_all_bins_but_the_last(sizes: list[int], capacity: int) -> None:
    bins = wrapped(sizes, capacity)
    tokens = [(row, i) for pieces in bins for row, start, stop in pieces for i in range(start, stop)]
    assert tokens == [(row, i) for row, size in enumerate(sizes) for i in range(size)]
    filled = [sum(stop - start for _, start, stop in pieces) for pieces in bins]
    assert all(size == capacity for size in filled[:-1])
    assert all(0 < size <= capacity for size in filled)


@pytest.mark.slow
def test_a_million_rows_take_seconds() -> None:
    sizes = np.clip(np.random.default_rng(0).lognormal(6.3, 0.8, 1_000_000).astype(int), 1, 4096)
    start = time.process_time()
    bins = best_fit(sizes, 4096)
    assert time.process_time() - start < 10
    assert sizes.sum() / (len(bins) * 4096) > 0.99
