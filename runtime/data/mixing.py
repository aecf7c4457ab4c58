"""How much of each source goes into the mixture, and which rows.

`all` and `take` are fixed amounts; a `share` is a part of the whole mixture. So with fixed sources the
mixture's size is fixed / (1 - sum of shares); with shares alone it is the largest in which no source is
repeated more than it may be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from smolc.runtime.data.shuffle import permutation
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.prepare import Share, Weight

Array = np.ndarray[Any, Any]
TOLERANCE = 0.005  # of the mixture, absolute


@dataclass(frozen=True)
class Supply:
    """What a source has: tokens of each row."""

    name: str
    tokens: Array
    weight: Weight


@dataclass(frozen=True)
class Draw:
    """rows: the chosen rows, a row more than once if the source is repeated. share: realised, in the
    basis."""

    rows: Array
    share: float
    epochs: float


def mix(
    supplies: list[Supply], basis: Literal["tokens", "examples"], budget: int | None, seed: int
) -> list[Draw]:
    """Rows of each source. budget: tokens of the whole mixture. Raises JobError where the shares cannot
    be had."""
    sizes = [s.tokens if basis == "tokens" else np.ones(len(s.tokens), dtype=np.int64) for s in supplies]
    totals = [int(size.sum()) for size in sizes]
    for supply, total in zip(supplies, totals, strict=True):
        if not total:
            raise JobError(f"{supply.name}: no rows are left for the mixture")
    wanted = _amounts(supplies, totals, basis)
    if budget is not None:
        wanted = _scaled(supplies, totals, wanted, basis, budget)
    draws = []
    for supply, size, total, amount in zip(supplies, sizes, totals, wanted, strict=True):
        draws.append(_draw(supply, size, total, amount, seed))
    realised = [float(size[rows].sum()) for size, rows in zip(sizes, draws, strict=True)]
    whole = sum(realised)
    if not whole:
        raise JobError("the mixture is empty", help="raise budget_tokens or add a source")
    allowed = max(TOLERANCE, max(float(size.max()) for size in sizes) / whole)
    for supply, amount in zip(supplies, realised, strict=True):
        weight = supply.weight
        if isinstance(weight, Share) and abs(amount / whole - weight.share) > allowed:
            raise JobError(
                f"{supply.name}: is {amount / whole:.2%} of the mixture, not {weight.share:.2%}: "
                "the rows are too long for so small a mixture",
                help="raise budget_tokens, or join small sources",
            )
    return [
        Draw(rows, amount / whole, amount / total)
        for rows, amount, total in zip(draws, realised, totals, strict=True)
    ]


def _most(supply: Supply, total: int) -> float:
    return total * supply.weight.at_most_epochs if isinstance(supply.weight, Share) else float(total)


def _amounts(supplies: list[Supply], totals: list[int], basis: str) -> list[float]:
    """Amount of each source in the basis, without a budget."""
    shares = [s.weight.share if isinstance(s.weight, Share) else 0.0 for s in supplies]
    fixed = sum(t for s, t in zip(supplies, totals, strict=True) if not isinstance(s.weight, Share))
    part = sum(shares)
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
        for index, (supply, total) in enumerate(zip(supplies, totals, strict=True)):
            most = _most(supply, total)
            if shares[index] * whole > most * (1 + 1e-9):
                # With this source used up and the other shares as they are, the mixture would be this large.
                largest = (fixed + most) / (1 - part + shares[index])
                raise JobError(
                    f"{supply.name}: a share of {shares[index]:.2%} needs {shares[index] * whole:,.0f} "
                    f"{basis}, but it has "
                    f"{total:,} and may be repeated {supply.weight.at_most_epochs:g} times",  # type: ignore[union-attr]
                    help=f"the largest possible share is {most / largest:.2%}; or raise at_most",
                )
    else:
        whole = min(_most(s, t) / p for s, t, p in zip(supplies, totals, shares, strict=True) if p)
    return [
        share * whole if isinstance(s.weight, Share) else float(t)
        for s, t, share in zip(supplies, totals, shares, strict=True)
    ]


def _scaled(
    supplies: list[Supply], totals: list[int], wanted: list[float], basis: str, budget: int
) -> list[float]:
    """The amounts, brought to `budget` tokens at the same proportions."""
    per_unit = [float(s.tokens.sum()) / t for s, t in zip(supplies, totals, strict=True)]
    have = sum(w * p for w, p in zip(wanted, per_unit, strict=True))
    factor = budget / have
    for supply, total, amount in zip(supplies, totals, wanted, strict=True):
        if amount * factor > _most(supply, total) * (1 + 1e-9) + 0.5:
            raise JobError(
                f"{supply.name}: a mixture of {budget:,} tokens needs {amount * factor:,.0f} {basis} of "
                f"it, but it has "
                f"{total:,}",
                help=f"the largest possible budget is {have:,.0f} tokens; or raise at_most, or add data",
            )
    return [w * factor for w in wanted]


def _draw(supply: Supply, size: Array, total: int, amount: float, seed: int) -> Array:
    """Whole epochs, then as many rows in random order as come nearest to the amount."""
    epochs, rest = divmod(amount, total)
    if total - rest < 1e-6 * total:
        epochs, rest = epochs + 1, 0.0
    order = permutation(len(size), seed, "draw", supply.name)
    sums = np.concatenate([[0], np.cumsum(size[order])])
    at = int(np.searchsorted(sums, rest))
    if at and at < len(sums) and rest - sums[at - 1] < sums[at] - rest:
        at -= 1
    return np.concatenate([np.tile(np.arange(len(size)), int(epochs)), order[: min(at, len(size))]])
