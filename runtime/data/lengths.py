"""The length of a row, chosen from the data."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike


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
