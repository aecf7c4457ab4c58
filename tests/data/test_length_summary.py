"""The histogram of lengths, and the length that is fitted to them."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smolc.runtime.data.lengths import fit_length
from smolc.runtime.data.stats import length_summary


@given(st.lists(st.one_of(st.integers(1, 20), st.integers(1, 10**7)), min_size=1, max_size=60))
def test_every_row_is_in_one_bin_of_its_length(lengths: list[int]) -> None:
    said = length_summary(lengths)
    edges, counts = said["edges"], said["counts"]
    assert all(a < b for a, b in pairwise(edges)) and len(edges) == len(counts) + 1 <= 60
    for i, (low, high) in enumerate(pairwise(edges)):
        assert counts[i] == sum(low < n <= high or (i == 0 and n == low) for n in lengths)
    assert sum(counts) == len(lengths)
    assert edges[0] <= min(lengths) and max(lengths) <= edges[-1]
    ordered = sorted(lengths)
    for q in (50, 90, 99, 100):
        assert said[f"p{q}"] in ordered and sum(n <= said[f"p{q}"] for n in ordered) >= q / 100 * len(ordered)


def test_edges_are_readable_and_follow_ratios() -> None:
    said = length_summary([40, 500, 9000])
    powers = [2**n for n in range(5, 15)]
    assert said["edges"][::2] == powers[:-1]
    assert said["edges"][1::2] == [45, 91, 181, 362, 724, 1448, 2896, 5793, 11585]
    # Rows cut to a length are within it.
    assert length_summary([100, 2048, 2049])["counts"][-2:] == [1, 1]
    assert len(length_summary([1000, 1100])["counts"]) > 1
    assert length_summary([1])["counts"] == [1]


@pytest.mark.parametrize(
    ("lengths", "quantile", "at_most", "fitted"),
    [
        (range(1, 101), 0.99, 4096, 128),
        (range(1, 101), 0.64, 4096, 64),
        (range(1, 101), 0.65, 4096, 128),
        ([64] * 99 + [5000], 0.99, 4096, 64),
        ([64] * 99 + [5000], 1.0, 8192, 5056),
        ([64] * 99 + [5000], 1.0, 4096, 4096),
        ([64] * 99 + [5000], 1.0, 1000, 1000),
        ([7], 0.5, 4096, 64),
    ],
)
def test_fitted_length(lengths: list[int], quantile: float, at_most: int, fitted: int) -> None:
    assert fit_length(np.asarray(lengths), quantile, at_most) == fitted


@given(st.lists(st.integers(1, 5000), min_size=1), st.floats(0.01, 1))
def test_the_quantile_of_the_rows_fits(lengths: list[int], quantile: float) -> None:
    length = fit_length(lengths, quantile, 10_000)
    assert length % 64 == 0
    assert sum(n <= length for n in lengths) >= round(quantile * len(lengths), 6) - 1e-6
    assert sum(n <= length - 64 for n in lengths) < quantile * len(lengths) + 1e-6


def test_no_lengths_is_an_error() -> None:
    with pytest.raises(ValueError, match="no lengths"):
        fit_length([], 0.99, 100)
