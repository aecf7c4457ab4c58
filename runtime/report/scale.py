"""Axes: from values to places, and where the ticks stand."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

LARGEST = 1e15


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


def shows(value: float, log: bool = False) -> bool:
    """Whether `value` can stand on an axis: what is beyond these bounds is no measurement, and breaks
    arithmetic."""
    return math.isfinite(value) and abs(value) <= LARGEST and (not log or value >= 1 / LARGEST)


def scale_over(values: Iterable[float], log: bool = False, zero: bool = False, tight: bool = False) -> Scale:
    """A scale over all of `values` with a little room, or (tight) none; zero: it starts at 0. Values that it
    cannot show are left out; without any value it is 0..1."""
    seen = [v for v in values if shows(v, log)]
    if not seen:
        return Scale(1.0, 10.0, True) if log else Scale(0.0, 1.0)
    low, high = min(seen), max(seen)
    if log:
        room = (high / low) ** 0.06 if high > low * (1 + 1e-9) else 2.0
        return Scale(low / room, high * room, True)
    spread, size = high - low, max(abs(low), abs(high))
    if spread <= max(1e-9 * size, 1 / LARGEST):
        room = 0.1 * size if size > 1 / LARGEST else 1.0
    else:
        room = 0.0 if tight else 0.06 * spread
    return Scale(0.0 if zero else low - room, high + room)


def steps(low: float, high: float, about: int) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten from low to high."""
    raw = (high - low) / max(1, about)
    power = 10.0 ** math.floor(math.log10(raw))
    step = min((m * power for m in (1, 2, 5, 10)), key=lambda s: abs(math.log(s / raw)))
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
    digits = max(0, min(6, -math.floor(math.log10(gap) + 1e-6))) if gap > 0 else 2
    return f"{value:g}" if any(t and largest / abs(t) > 20 for t in ticks) else f"{value:.{digits}f}"
