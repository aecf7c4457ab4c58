"""Ratings of models from votes between two of them: Bradley and Terry's model (Biometrika 39, 1952) on the scale of Elo.

P(i beats j) = p_i / (p_i + p_j), R_i = 1000 + 400 log10(p_i / geometric mean). A tie, and two bad answers, count half for
each. Fitted by Hunter's iteration (Annals of Statistics 32, 2004). Each model is given one more tie, spread over all
others, so that one which never lost has a rating, too. The page computes the same (`arena.js`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smolc.runtime.arena.votes import Vote

MEAN = 1000.0
DRAWS, SWEEPS, CLOSE = 1000, 1000, 1e-6
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Rating:
    """low, high: 95% of a bootstrap over prompts. won: share of its votes, ties half."""

    model: str
    rating: float
    low: float
    high: float
    votes: int
    won: float


def ratings(votes: Sequence[Vote], draws: int = DRAWS, seed: int = 0) -> list[Rating]:
    """The best first. votes: at least one."""
    models = sorted({model for vote in votes for model in (vote.left, vote.right)})
    index = {model: i for i, model in enumerate(models)}
    prompts = {prompt: i for i, prompt in enumerate(dict.fromkeys((v.task, v.id) for v in votes))}
    # wins[p, i, j]: how often i beat j on prompt p.
    wins = np.zeros((len(prompts), len(models), len(models)))
    for vote in votes:
        i, j, p = index[vote.left], index[vote.right], prompts[vote.task, vote.id]
        wins[p, i, j] += vote.left_share
        wins[p, j, i] += 1 - vote.left_share
    whole = wins.sum(axis=0)
    drawn = np.random.default_rng(seed).multinomial(
        len(prompts), [1 / len(prompts)] * len(prompts), size=draws
    )
    resampled = np.einsum("dp,pij->dij", drawn, wins)
    (fitted,) = fit(whole[None])
    low, high = np.quantile(fit(resampled), [0.025, 0.975], axis=0)
    games = whole.sum(axis=1) + whole.sum(axis=0)
    found = [
        Rating(
            model,
            float(fitted[i]),
            float(low[i]),
            float(high[i]),
            int(games[i]),
            float(whole[i].sum() / games[i]),
        )
        for model, i in index.items()
    ]
    return sorted(found, key=lambda one: (-one.rating, one.model))


def fit(wins: Floats) -> Floats:
    """Ratings [n, m] of wins [n, m, m] (of the row over the column): n fits of m models at once."""
    m = wins.shape[-1]
    wins = wins + (1 - np.eye(m)) * (0.5 / max(1, m - 1))
    games = wins + wins.transpose(0, 2, 1)
    won = wins.sum(axis=2)
    p = np.ones(won.shape)
    for _ in range(SWEEPS):
        before = p
        p = won / (games / (p[:, :, None] + p[:, None, :])).sum(axis=2)
        p = p / np.exp(np.log(p).mean(axis=1, keepdims=True))
        if np.abs(np.log(p / before)).max() < CLOSE:
            break
    return MEAN + 400 * np.log10(p)
