"""Properties of packing."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smolc.runtime.data.packing import Bins, best_fit, wrapped

# Few lengths and many, short ones only and long ones: patterns repeat in some, and hardly in others.
lengths = st.one_of(
    st.lists(st.integers(1, 40), max_size=200),
    st.lists(st.sampled_from([1, 3, 20, 34]), max_size=200),
    st.lists(st.integers(14, 27), max_size=200),
)


def rows_of(bins: Bins) -> list[list[int]]:
    return [bins.rows[a:b].tolist() for a, b in pairwise(bins.bounds.tolist())]


def first_fit_decreasing(sizes: list[int], capacity: int) -> int:
    rooms: list[int] = []
    for size in sorted(sizes, reverse=True):
        at = next((i for i, room in enumerate(rooms) if room >= size), None)
        if at is None:
            rooms.append(capacity - size)
        else:
            rooms[at] -= size
    return len(rooms)


@given(lengths, st.integers(40, 100))
def test_best_fit_holds_every_row_once_and_overfills_nothing(sizes: list[int], capacity: int) -> None:
    bins = best_fit(sizes, capacity)
    assert (bins.rows.dtype, bins.bounds.dtype) == (np.int32, np.int64)
    held = rows_of(bins)
    assert sorted(row for rows in held for row in rows) == list(range(len(sizes)))
    assert all(0 < sum(sizes[row] for row in rows) <= capacity for rows in held)
    assert rows_of(best_fit(np.asarray(sizes), capacity)) == held


@given(lengths, st.integers(40, 100))
def test_best_fit_needs_no_more_bins_than_first_fit_decreasing(sizes: list[int], capacity: int) -> None:
    assert len(best_fit(sizes, capacity)) <= first_fit_decreasing(sizes, capacity)


@given(st.lists(st.lists(st.integers(1, 30), min_size=3, max_size=3), min_size=1, max_size=40))
def test_rows_cut_from_full_bins_fill_bins_again(cuts: list[list[int]]) -> None:
    """Halves, thirds and such of a bin: exact fills are there to be found, most of them by the search."""
    capacity = 100
    sizes = [size for cut in cuts for size in (*cut, capacity - sum(cut))]
    assert len(best_fit(sizes, capacity)) <= first_fit_decreasing(sizes, capacity)


@pytest.mark.parametrize(
    ("sizes", "capacity", "bins"),
    [
        ([], 4, 0),
        ([1], 1, 1),
        ([4] * 5, 4, 5),
        ([1] * 1000, 7, 143),
        ([3] * 1000, 4, 1000),
        ([5000], 1_000_000, 1),
        # First-fit decreasing takes 44 first, and needs three bins.
        ([51, 44, 27, 26, 22, 30], 100, 2),
    ],
)
def test_degenerate_and_small_inputs(sizes: list[int], capacity: int, bins: int) -> None:
    assert len(best_fit(sizes, capacity)) == bins


@pytest.mark.parametrize("case", ["chat", "uniform"])
def test_fill_of_ten_thousand_rows(case: str) -> None:
    random = np.random.default_rng(0)
    if case == "chat":
        sizes, capacity = np.clip(random.lognormal(np.log(500), 0.9, 10_000), 16, 4096).astype(int), 4096
        goal = 0.9995
    else:
        sizes, capacity = random.integers(1639, 5735, 10_000), 8192
        goal = 0.99
    assert sizes.sum() / (len(best_fit(sizes, capacity)) * capacity) > goal


def test_equally_long_rows_keep_their_order() -> None:
    assert rows_of(best_fit([2, 2, 2, 2, 2], 4)) == [[0, 1], [2, 3], [4]]


@pytest.mark.parametrize("sizes", [[5], [0], [-1]])
def test_best_fit_refuses_what_fits_in_no_bin(sizes: list[int]) -> None:
    with pytest.raises(ValueError, match=r"within 1\.\.4"):
        best_fit(sizes, 4)


@given(st.lists(st.integers(0, 40), max_size=200), st.integers(1, 60))
def test_wrapped_keeps_the_order_and_fills_all_bins_but_the_last(sizes: list[int], capacity: int) -> None:
    cuts = wrapped(sizes, capacity)
    pieces = list(zip(cuts.rows.tolist(), cuts.start.tolist(), cuts.stop.tolist(), strict=True))
    tokens = [(row, i) for row, start, stop in pieces for i in range(start, stop)]
    assert tokens == [(row, i) for row, size in enumerate(sizes) for i in range(size)]
    ends = np.concatenate([[0], np.cumsum(cuts.stop - cuts.start)])
    filled = np.diff(ends[cuts.bounds]).tolist()
    assert all(size == capacity for size in filled[:-1])
    assert all(0 < size <= capacity for size in filled)
    # No piece is longer than needed: one a row and bin.
    assert len(pieces) <= len([s for s in sizes if s]) + max(0, len(filled) - 1)
