"""Batch algebra: sequences per optimiser step = micro batch x accumulation x data-parallel size, on any cluster."""

from __future__ import annotations

from dataclasses import dataclass

from smolc.compiler.model.types import Quantity


@dataclass(frozen=True)
class Split:
    """How a global batch is divided."""

    global_sequences: int
    micro: int
    accumulation: int
    data_parallel: int


class Indivisible(Exception):
    """A batch that cannot be divided; `message` and `help` are for the user. key: of the stage, whose value it is about."""

    def __init__(self, message: str, help: str, key: str = "batch") -> None:
        super().__init__(message)
        self.message = message
        self.help = help
        self.key = key


def sequences(batch: Quantity, length: int, packed: bool) -> int:
    """Sequences per optimiser step; tokens count as full rows of `length`. Raises Indivisible."""
    if batch.unit == "seq":
        return int(batch.value)
    if not packed:
        raise Indivisible(
            f"a batch of {batch.value:,} tokens needs packed rows: unpacked ones differ in length",
            "give the batch in sequences, such as `batch = 128seq`, or pack: `packing = best_fit(length = ...)`",
        )
    count, rest = divmod(int(batch.value), length)
    if rest:
        near = sorted({max(1, count) * length, (count + 1) * length})
        raise Indivisible(
            f"a batch of {batch.value:,} tokens is not a whole number of rows of {length:,} tokens",
            "the nearest that are: " + " and ".join(f"{n}tok" for n in near),
        )
    return count


def split(
    global_sequences: int, data_parallel: int, micro: int | None, most: int, tokens: int | None = None
) -> Split:
    """Divide a batch. `micro` None takes the largest divisor of each device's part up to `most`. Raises Indivisible.

    tokens: of a row, where the recipe gives the batch in tokens, so that what is offered instead is in tokens, too.
    """
    share, rest = divmod(global_sequences, data_parallel)
    if rest or share == 0:
        lower, upper = share * data_parallel, (share + 1) * data_parallel
        near = [n for n in (lower, upper) if n > 0]
        fewer = max(d for d in range(1, data_parallel + 1) if global_sequences % d == 0)
        raise Indivisible(
            f"a batch of {global_sequences:,} sequences cannot be divided among {data_parallel} devices",
            f"the nearest batches that can: {' and '.join(f'{n * tokens}tok' if tokens else f'{n}seq' for n in near)}; "
            f"or run on {fewer} device{'s' if fewer > 1 else ''}",
        )
    if micro is None:
        micro = max(d for d in _divisors(share) if d <= max(1, most))
    elif share % micro:
        fitting = _divisors(share)
        near = [
            max((d for d in fitting if d < micro), default=0),
            min((d for d in fitting if d > micro), default=0),
        ]
        raise Indivisible(
            f"{share:,} sequences per device cannot be divided into micro batches of {micro}",
            "the nearest that fit: " + " and ".join(str(n) for n in near if n),
            "micro_batch",
        )
    return Split(global_sequences, micro, share // micro, data_parallel)


def _divisors(number: int) -> list[int]:
    small = [d for d in range(1, int(number**0.5) + 1) if number % d == 0]
    return sorted({*small, *(number // d for d in small)})
