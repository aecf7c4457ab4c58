"""Axes: from values to places, and where the ticks stand."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True)
class Scale:
    """`low` to `high` goes to 0..1, evenly or (log) by ratios; low < high, and 0 < low if log."""

    low: float
    high: float
    log: bool = False

    def at(self, value: float) -> float:
        """Where `value` stands, 0..1 inside the scale."""
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def ticks(self, about: int = 5) -> list[float]:
        """Round numbers inside the scale, about so many."""
        return self._ratios(about) if self.log else steps(self.low, self.high, about)

    def _ratios(self, about: int) -> list[float]:
        first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        every = max(1, round((last - first) / about))
        for within in ((1,), (1, 3), (1, 2, 5)):
            found = [m * 10.0**e for e in range(first, last + 1, every) for m in within]
            inside = [v for v in found if self.low <= v * (1 + 1e-9) and v <= self.high * (1 + 1e-9)]
            if len(inside) >= 3:
                return inside
        return steps(self.low, self.high, about)


def scale_over(values: Iterable[float], log: bool = False, zero: bool = False) -> Scale:
    """A scale over all of `values` with a little room; zero: it starts at 0. Values that a log scale cannot
    show are left out; without any value it is 0..1."""
    seen = [v for v in values if math.isfinite(v) and (not log or v > 0)]
    if not seen:
        return Scale(1.0, 10.0, True) if log else Scale(0.0, 1.0)
    low, high = min(seen), max(seen)
    if log:
        room = (high / low) ** 0.06 if high > low else 2.0
        return Scale(low / room, high * room, True)
    room = (high - low) * 0.06 or abs(high) * 0.1 or 1.0
    return Scale(0.0 if zero else low - room, high + room)


def steps(low: float, high: float, about: int) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten from low to high."""
    raw = (high - low) / max(1, about)
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m * power for m in (1, 2, 5, 10) if m * power >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [i * step for i in range(first, math.floor(high / step + 1e-9) + 1)]


def tick_text(value: float, ticks: list[float]) -> str:
    """A tick's number, with as many digits as set the ticks apart."""
    largest = max((abs(t) for t in ticks), default=0.0)
    if value == 0:
        return "0"
    if largest >= 1e4:
        for size, unit in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
            if abs(value) >= size:
                return f"{value / size:g}{unit}"
    if abs(value) < 1e-2 and largest < 1:
        mantissa, exponent = f"{value:.2e}".split("e")
        return f"{float(mantissa):g}e{int(exponent)}"
    gap = min((b - a for a, b in pairwise(ticks)), default=1.0)
    digits = max(0, min(6, -math.floor(math.log10(gap)))) if gap > 0 else 2
    return f"{value:g}" if any(t and largest / abs(t) > 20 for t in ticks) else f"{value:.{digits}f}"
