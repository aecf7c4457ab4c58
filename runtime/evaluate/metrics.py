"""Means and their standard errors."""

from __future__ import annotations

import math
from collections.abc import Sequence


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
