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
    used = [_used(supply, seed) for supply in supplies]
    sizes = [s.sizes(basis)[rows] for s, rows in zip(supplies, used, strict=True)]
    totals = [int(size.sum()) for size in sizes]
    for supply, total in zip(supplies, totals, strict=True):
        if not total:
            raise JobError(f"{supply.name}: no rows are left for the mixture")
    wanted = _amounts(supplies, totals, basis)
    if budget is not None:
        per_unit = [
            float(s.tokens[rows].sum()) / total for s, rows, total in zip(supplies, used, totals, strict=True)
        ]
        wanted = _scaled(supplies, totals, per_unit, wanted, basis, budget)
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
        Draw(of[rows], amount / whole, amount / total)
        for of, rows, amount, total in zip(used, draws, realised, totals, strict=True)
    ]


def _used(supply: Supply, seed: int) -> Array:
    """Numbers of the rows that may be used, ascending: all, or within the caps as many as fit, drawn with the seed."""
    weight, count = supply.weight, len(supply.tokens)
    tokens, rows = (
        (weight.tokens, None) if isinstance(weight, Take) else (weight.at_most_tokens, weight.at_most_rows)
    )
    have = int(supply.tokens.sum())
    if isinstance(weight, Take) and tokens is not None and tokens > have:
        raise JobError(
            f"{supply.name}: take asks for {tokens:,} tokens, but there are {have:,}",
            help=f"take fewer, or say all(at_most = {tokens}tok)",
        )
    if (tokens is None or tokens >= have) and (rows is None or rows >= count):
        return np.arange(count)
    order = permutation(count, seed, "cap", supply.name)[:rows]
    if tokens is not None:
        sums = np.cumsum(supply.tokens[order])
        fitting = int(np.searchsorted(sums, tokens, side="right"))
        room = tokens - (int(sums[fitting - 1]) if fitting else 0)
        # The largest of the others that fits brings it nearest to the cap.
        left = order[fitting:]
        last = left[supply.tokens[left] <= room]
        order = np.concatenate([order[:fitting], last[np.argsort(supply.tokens[last], kind="stable")[-1:]]])
    return np.sort(order)


def _most(supply: Supply, total: int) -> float:
    """The most of a source that may be used, in the basis. total: what may be used of it once."""
    weight = supply.weight
    if isinstance(weight, Share) and weight.at_most_tokens is None and weight.at_most_rows is None:
        return total * weight.at_most_epochs
    return float(total)  # caps count repetitions


def _amounts(supplies: list[Supply], totals: list[int], basis: Basis) -> list[float]:
    """Amount of each source in the basis, without a budget."""
    shares = [s.weight.share if isinstance(s.weight, Share) else 0.0 for s in supplies]
    most = [_most(s, t) for s, t in zip(supplies, totals, strict=True)]
    fixed = float(sum(t for s, t in zip(supplies, totals, strict=True) if not isinstance(s.weight, Share)))
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
        for supply, share, total, limit in zip(supplies, shares, totals, most, strict=True):
            if share * whole > limit * (1 + 1e-9):
                # With this source used up and the other shares as they are, the mixture would be this large.
                largest = (fixed + limit) / (1 - part + share)
                raise JobError(
                    f"{supply.name}: a share of {share:.2%} needs {share * whole:,.0f} {basis}, but it "
                    f"{_has(supply, total)}",
                    help=f"the largest possible share is {limit / largest:.2%}; or raise at_most",
                )
    else:
        whole = min(m / p for m, p in zip(most, shares, strict=True) if p)
    return [
        share * whole if isinstance(s.weight, Share) else float(t)
        for s, t, share in zip(supplies, totals, shares, strict=True)
    ]


def _has(supply: Supply, total: int) -> str:
    weight = supply.weight
    if isinstance(weight, Share) and weight.at_most_epochs != 1:
        return f"has {total:,} and may be repeated {weight.at_most_epochs:g} times"
    return f"has {total:,}"


def _scaled(
    supplies: list[Supply],
    totals: list[int],
    per_unit: list[float],
    wanted: list[float],
    basis: Basis,
    budget: int,
) -> list[float]:
    """The amounts, brought to `budget` tokens at the same proportions. per_unit: tokens of a unit of the basis."""
    have = sum(w * p for w, p in zip(wanted, per_unit, strict=True))
    factor = budget / have
    for supply, total, amount in zip(supplies, totals, wanted, strict=True):
        if amount * factor > _most(supply, total) * (1 + 1e-9) + 0.5:
            raise JobError(
                f"{supply.name}: a mixture of {budget:,} tokens needs {amount * factor:,.0f} {basis} of it, but it "
                f"{_has(supply, total)}",
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
