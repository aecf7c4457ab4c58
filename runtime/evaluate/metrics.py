"""Means over problems, their standard errors and intervals. What starts jobs prints them, and needs no numpy for it.

Problems are the clusters: k samples of one problem say little more about other problems than one sample does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

Z = 1.959964
"""Of the 95% interval of a normal distribution."""


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
    import numpy as np

    angle = np.linspace(0.0, min(math.pi / 2, 12 / math.sqrt(df)), 200_001)
    density = np.cos(angle) ** (df - 1)
    below = np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2)])
    return math.sqrt(df) * math.tan(float(np.interp(0.95 * below[-1], below, angle)))


def pass_at(n: int, right: int, k: int) -> float:
    """The chance that one of k answers is right, from n of which `right` are: unbiased (Chen et al. 2021). k <= n."""
    return 1.0 - math.comb(n - right, k) / math.comb(n, k)


def holm(chances: Sequence[float]) -> list[float]:
    """Each p adjusted for all that were looked at together (Holm 1979), in their order."""
    order = sorted(range(len(chances)), key=lambda i: chances[i])
    adjusted, least = [1.0] * len(chances), 0.0
    for rank, i in enumerate(order):
        least = max(least, min(1.0, (len(chances) - rank) * chances[i]))
        adjusted[i] = least
    return adjusted
