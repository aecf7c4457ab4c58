"""Two models on the same problems: their difference, its interval, and how sure it is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smolc.runtime.evaluate.metrics import Z, student

RESAMPLES = 10_000
AT_ONCE = 2_000_000  # numbers drawn, so that memory stays bounded


@dataclass(frozen=True)
class Paired:
    """a minus b over the n problems that both have: the mean, its 95% interval, and how likely so large a difference is
    where there is none (two-sided). low and high are None for a single problem; p is 1 then."""

    difference: float
    low: float | None
    high: float | None
    p: float
    n: int


def paired(
    a: Mapping[str, Sequence[float]], b: Mapping[str, Sequence[float]], seed: int = 0
) -> Paired | None:
    """Scores of two models by problem (each with its samples), compared problem by problem. None without a common one.

    The interval is a bootstrap's over problems, widened as Student's t is (Hesterberg 2015), since resamples of few
    problems spread too little. p is the larger of the bootstrap's and of a sign-flipping test's (Fisher 1935): where only
    a handful of problems differ, the bootstrap alone is too sure. So p < 0.05 means that the interval leaves 0 out, too.
    """
    both = [problem for problem in a if problem in b]
    if not both:
        return None
    differences = np.array(
        [math.fsum(a[p]) / len(a[p]) - math.fsum(b[p]) / len(b[p]) for p in both], dtype=np.float64
    )
    n, mean = len(both), math.fsum(differences) / len(both)
    if n < 2:
        return Paired(mean, None, None, 1.0, n)
    if not differences.any():
        return Paired(0.0, 0.0, 0.0, 1.0, n)
    random = np.random.default_rng(seed)
    drawn = _resampled(differences, random)
    drawn = mean + (drawn - mean) * math.sqrt(n / (n - 1)) * student(n - 1) / Z
    low, high = (float(x) for x in np.quantile(drawn, (0.025, 0.975)))
    tail = min(_share(drawn <= 0), _share(drawn >= 0))
    flipped = _share(np.abs(_flipped(differences, random)) >= abs(mean) * (1 - 1e-9))
    return Paired(mean, low, high, min(1.0, max(2 * tail, flipped)), n)


def _share(held: NDArray[np.bool_]) -> float:
    """Never 0: the sample itself is one of those that might have been drawn."""
    return (int(held.sum()) + 1) / (len(held) + 1)


def _resampled(values: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.float64]:
    """Means of RESAMPLES resamples with replacement: how often each distinct value is drawn is multinomial, and there
    are few of them."""
    distinct, counts = np.unique(values, return_counts=True)
    rows = max(1, AT_ONCE // len(distinct))
    parts = [
        random.multinomial(len(values), counts / len(values), size=min(rows, RESAMPLES - start)) @ distinct
        for start in range(0, RESAMPLES, rows)
    ]
    return np.concatenate(parts) / len(values)


def _flipped(values: NDArray[np.float64], random: np.random.Generator) -> NDArray[np.float64]:
    """Means with the sign of each value drawn anew, RESAMPLES times."""
    distinct, counts = np.unique(np.abs(values), return_counts=True)
    rows = max(1, AT_ONCE // len(distinct))
    parts = [
        (2 * random.binomial(counts, 0.5, size=(min(rows, RESAMPLES - start), len(distinct))) - counts)
        @ distinct
        for start in range(0, RESAMPLES, rows)
    ]
    return np.concatenate(parts) / len(values)
