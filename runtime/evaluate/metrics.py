"""Means over problems: their standard errors and intervals, and differences between two models.

Problems are the clusters: k samples of one problem say little more about other problems than one sample does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Z = 1.959964
"""Of the 95% interval of a normal distribution."""
RESAMPLES = 10_000
AT_ONCE = 2_000_000  # numbers drawn, so that memory stays bounded


def clustered(scores: Sequence[Sequence[float]]) -> tuple[float, float | None]:
    """Mean over problems of the mean over each problem's samples, and its standard error: that of the problems' means.
    None for a single problem."""
    means = [math.fsum(samples) / len(samples) for samples in scores]
    n = len(means)
    mean = math.fsum(means) / n
    if n < 2:
        return mean, None
    variance = math.fsum((m - mean) ** 2 for m in means) / (n - 1)
    return mean, math.sqrt(variance / n)


def interval(scores: Sequence[Sequence[float]]) -> tuple[float | None, float | None]:
    """95% interval of the mean over problems. (None, None) for a single problem whose score is not 0 or 1.

    Scores from 0 to 1: Wilson's, which holds near 0 and 1 and for few problems. Samples that depend on each other, and
    scores in between, count as so many independent ones as give their standard error (the effective sample size; Dean
    and Pagano 2015), and Student's t takes the place of the normal. Other scores: Student's t over the problems' means.
    """
    flat = [score for samples in scores for score in samples]
    binary = all(score in (0.0, 1.0) for score in flat)
    if binary and (len(flat) == len(scores) or len(scores) == 1):
        return wilson(sum(flat), len(flat)) if len(flat) == len(scores) else (None, None)
    mean, stderr = clustered(scores)
    if stderr is None:
        return None, None
    n, quantile = len(scores), student(len(scores) - 1)
    if not all(0 <= score <= 1 for score in flat):
        return mean - quantile * stderr, mean + quantile * stderr
    spread = mean * (1 - mean)
    if spread <= 0:
        size = float(n)  # all right or all wrong: as if the samples of a problem could not have differed
    else:
        size = spread / stderr**2 if stderr > 0 else math.inf
        # Samples that are right or wrong tell no more than independent ones.
        size = min(size, len(flat)) if binary else size
    return (mean, mean) if math.isinf(size) else wilson(mean * size, size, quantile)


def wilson(right: float, n: float, z: float = Z) -> tuple[float, float]:
    """95% interval of a share of `right` in `n` (Wilson 1927)."""
    share, z2 = right / n, z * z
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    width = z / (1 + z2 / n) * math.sqrt(max(0.0, share * (1 - share) / n) + z2 / (4 * n * n))
    # Rounding must not shut the share itself out.
    return max(0.0, min(middle - width, share)), min(1.0, max(middle + width, share))


@cache
def student(df: int) -> float:
    """The 97.5% quantile of Student's t with `df` degrees of freedom, to about 1e-5.

    With t = sqrt(df) tan(angle), the density over the angle is cos(angle)^(df - 1), which is summed up numerically.
    """
    if df > 100_000:
        return Z
    angle = np.linspace(0.0, min(math.pi / 2, 12 / math.sqrt(df)), 200_001)
    density = np.cos(angle) ** (df - 1)
    below = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2)])
    return math.sqrt(df) * math.tan(float(np.interp(0.95 * below[-1], below, angle)))


def pass_at(n: int, right: int, k: int) -> float:
    """The chance that one of k answers is right, from n of which `right` are: unbiased (Chen et al. 2021). k <= n."""
    return 1.0 - math.comb(n - right, k) / math.comb(n, k)


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


def holm(chances: Sequence[float]) -> list[float]:
    """Each p adjusted for all that were looked at together (Holm 1979), in their order."""
    order = sorted(range(len(chances)), key=lambda i: chances[i])
    adjusted, least = [1.0] * len(chances), 0.0
    for rank, i in enumerate(order):
        least = max(least, min(1.0, (len(chances) - rank) * chances[i]))
        adjusted[i] = least
    return adjusted
