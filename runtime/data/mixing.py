"""How much of each source goes into the mixture, and which rows.

`all` and `take` are fixed amounts; a `share` is a part of the whole mixture. So with fixed sources the
mixture's size is fixed / (1 - sum of shares); with shares alone it is the largest in which no source is
used more than it may be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from smolc.runtime.data.shuffle import permutation
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.prepare import Share, Take, Weight

Array = np.ndarray[Any, Any]
Basis = Literal["tokens", "trained", "examples"]
TOLERANCE = 0.005  # of the mixture, absolute


@dataclass(frozen=True)
class Supply:
    """What a source has. tokens: that the model reads, of each row; trained: of these, those in the loss."""

    name: str
    tokens: Array
    trained: Array
    weight: Weight

    def sizes(self, basis: Basis) -> Array:
        if basis == "examples":
            return np.ones(len(self.tokens), dtype=np.int64)
        return np.asarray(self.tokens if basis == "tokens" else self.trained, dtype=np.int64)


@dataclass(frozen=True)
class Draw:
    """rows: the chosen rows, a row more than once if the source is repeated. share: realised, in the
    basis."""

    rows: Array
    share: float
    epochs: float


def mix(supplies: list[Supply], basis: Basis, budget: int | None, seed: int) -> list[Draw]:
    """Rows of each source. budget: tokens of the whole mixture. Raises JobError where the shares cannot
    be had."""
    sizes = [s.sizes(basis) for s in supplies]
    totals = [int(size.sum()) for size in sizes]
    for supply, total in zip(supplies, totals, strict=True):
        if not total:
            raise JobError(f"{supply.name}: no rows are left for the mixture")
    most = [_most(s, t, size) for s, t, size in zip(supplies, totals, sizes, strict=True)]
    wanted = _amounts(supplies, totals, most, basis)
    if budget is not None:
        wanted = _scaled(supplies, totals, most, wanted, basis, budget)
    draws = []
    for supply, size, total, amount in zip(supplies, sizes, totals, wanted, strict=True):
        draws.append(_draw(supply, size, total, amount, seed))
    realised = [float(size[rows].sum()) for size, rows in zip(sizes, draws, strict=True)]
    whole = sum(realised)
    if not whole:
        raise JobError("the mixture is empty", help="raise budget_tokens or add a source")
    for supply, amount in zip(supplies, realised, strict=True):
        weight = supply.weight
        if isinstance(weight, Share) and abs(amount / whole - weight.share) > TOLERANCE:
            raise JobError(
                f"{supply.name}: is {amount / whole:.2%} of the mixture, not {weight.share:.2%}: "
                "the rows are too long for so small a mixture",
                help="raise budget_tokens, or join small sources",
            )
    return [
        Draw(rows, amount / whole, amount / total)
        for rows, amount, total in zip(draws, realised, totals, strict=True)
    ]


def _most(supply: Supply, total: int, size: Array) -> float:
    """The most of a source that may be used, in the basis."""
    weight, rows = supply.weight, len(size)
    most = float(total)
    if isinstance(weight, Share):
        most *= weight.at_most_epochs
    if isinstance(weight, Take):
        return most
    per_row, per_token = total / rows, total / max(int(supply.tokens.sum()), 1)
    if weight.at_most_rows is not None:
        most = min(most, weight.at_most_rows * per_row)
    if weight.at_most_tokens is not None:
        most = min(most, weight.at_most_tokens * per_token)
    return most


def _fixed(supply: Supply, total: int, most: float) -> float:
    """What is used of a source that has no share."""
    weight = supply.weight
    if isinstance(weight, Take) and weight.tokens is not None:
        have = int(supply.tokens.sum())
        if weight.tokens > have:
            raise JobError(f"{supply.name}: take asks for {weight.tokens:,} tokens, but there are {have:,}")
        return total * weight.tokens / have
    return most


def _amounts(supplies: list[Supply], totals: list[int], most: list[float], basis: Basis) -> list[float]:
    """Amount of each source in the basis, without a budget."""
    shares = [s.weight.share if isinstance(s.weight, Share) else 0.0 for s in supplies]
    amounts = [
        0.0 if isinstance(s.weight, Share) else _fixed(s, t, m)
        for s, t, m in zip(supplies, totals, most, strict=True)
    ]
    fixed, part = sum(amounts), sum(shares)
    if fixed and part >= 1:
        raise JobError(
            f"the shares add up to {part:.4g}, which leaves nothing for the sources taken as they are",
            help="shares are parts of the whole mixture; lower them, or give every source a share",
        )
    if not fixed and abs(part - 1) > 1e-6:
        raise JobError(
            f"the shares add up to {part:.2%}, not 100%",
            help="let them add up to 100%, or take one source as `all` to fill the rest",
        )
    if fixed:
        whole = fixed / (1 - part)
        for supply, share, total, limit in zip(supplies, shares, totals, most, strict=True):
            if share * whole > limit * (1 + 1e-9):
                # With this source used up and the other shares as they are, the mixture would be this large.
                largest = (fixed + limit) / (1 - part + share)
                raise JobError(
                    f"{supply.name}: a share of {share:.2%} needs {share * whole:,.0f} {basis}, but it "
                    f"{_has(supply, total, limit)}",
                    help=f"the largest possible share is {limit / largest:.2%}; or raise at_most",
                )
    else:
        whole = min(m / p for m, p in zip(most, shares, strict=True) if p)
    return [share * whole if share else amount for share, amount in zip(shares, amounts, strict=True)]


def _has(supply: Supply, total: int, most: float) -> str:
    weight = supply.weight
    if isinstance(weight, Share) and most >= total * weight.at_most_epochs:
        return f"has {total:,} and may be repeated {weight.at_most_epochs:g} times"
    return f"has {total:,}, of which {most:,.0f} may be used"


def _scaled(
    supplies: list[Supply],
    totals: list[int],
    most: list[float],
    wanted: list[float],
    basis: Basis,
    budget: int,
) -> list[float]:
    """The amounts, brought to `budget` tokens at the same proportions."""
    per_unit = [float(s.tokens.sum()) / t for s, t in zip(supplies, totals, strict=True)]
    have = sum(w * p for w, p in zip(wanted, per_unit, strict=True))
    factor = budget / have
    for supply, total, limit, amount in zip(supplies, totals, most, wanted, strict=True):
        if amount * factor > limit * (1 + 1e-9) + 0.5:
            raise JobError(
                f"{supply.name}: a mixture of {budget:,} tokens needs {amount * factor:,.0f} {basis} of it, but it "
                f"{_has(supply, total, limit)}",
                help=f"the largest possible budget is {have:,.0f} tokens; or raise at_most, or add data",
            )
    return [w * factor for w in wanted]


def _draw(supply: Supply, size: Array, total: int, amount: float, seed: int) -> Array:
    """Whole epochs, then rows in random order while they fit, and last the one that brings it nearest to the
    amount."""
    epochs, rest = divmod(amount, total)
    if total - rest < 1e-6 * total:
        epochs, rest = epochs + 1, 0.0
    if rest < 1e-6 * total:
        return np.tile(np.arange(len(size)), int(epochs))
    order = permutation(len(size), seed, "draw", supply.name)
    sums = np.concatenate([[0], np.cumsum(size[order])])
    at = int(np.searchsorted(sums, rest, side="right")) - 1
    chosen = order[:at]
    missing = rest - float(sums[at])
    if at < len(order) and missing > 0:
        left = order[at:]
        nearest = int(np.argmin(np.abs(size[left] - missing)))
        if abs(float(size[left[nearest]]) - missing) < missing:
            chosen = np.append(chosen, left[nearest])
    return np.concatenate([np.tile(np.arange(len(size)), int(epochs)), chosen])
