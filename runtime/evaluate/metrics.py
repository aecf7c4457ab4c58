"""Means and their standard errors."""

from __future__ import annotations

import math
from collections.abc import Sequence

from scipy.stats import t


def clustered(scores: Sequence[Sequence[float]]) -> tuple[float, float | None]:
    """Mean over problems of the mean over each problem's samples, and its standard error.

    The problems are the clusters: k samples of one problem say little more about other problems than one
    sample does, so the spread is that of the problems' means. None for a single problem.
    """
    means = [math.fsum(samples) / len(samples) for samples in scores]
    n = len(means)
    mean = math.fsum(means) / n
    if n < 2:
        return mean, None
    variance = math.fsum((m - mean) ** 2 for m in means) / (n - 1)
    return mean, math.sqrt(variance / n)


Z = 1.959964
"""Of the 95% interval of a normal distribution."""


def interval(scores: Sequence[Sequence[float]]) -> tuple[float | None, float | None]:
    """95% interval of the mean over problems; None for a single problem with no 0 or 1 for a score.

    Right or wrong, once for each problem: Wilson's, which holds near 0 and 1 and for few problems. Otherwise Student's t
    over the problems' means; not beyond 0 and 1 where no score is.
    """
    flat = [score for samples in scores for score in samples]
    if all(len(samples) == 1 for samples in scores) and all(score in (0.0, 1.0) for score in flat):
        return wilson(sum(flat), len(flat))
    mean, stderr = clustered(scores)
    if stderr is None:
        return None, None
    width = float(t.ppf(0.975, len(scores) - 1)) * stderr
    bounded = all(0 <= score <= 1 for score in flat)
    return (max(0.0, mean - width), min(1.0, mean + width)) if bounded else (mean - width, mean + width)


def wilson(right: float, n: int) -> tuple[float, float]:
    """95% interval of a share of `right` in `n` (Wilson 1927)."""
    share, z2 = right / n, Z * Z
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    width = Z / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return max(0.0, middle - width), min(1.0, middle + width)


def pass_at(n: int, right: int, k: int) -> float:
    """The chance that one of k answers is right, from n of which `right` are: unbiased (Chen et al. 2021). k <= n."""
    return 1.0 - math.comb(n - right, k) / math.comb(n, k)
