"""N-grams of words as 64-bit hashes, many at once. Two of a million rows and five million n-grams meet by chance with a
probability of 1e-4."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from smolc.runtime.data.dedup import folded

Array = np.ndarray[Any, Any]

BLOCK = 1 << 14
"""Words whose n-grams are hashed at once, at most."""

_MARKS = re.compile(r"[^\w\s]|_")
_BARE = bytes(ord(chr(i).lower()) if i < 128 and chr(i).isalnum() else 32 for i in range(256))
_BASE = 0x9E3779B97F4A7C15  # odd, so that it has an inverse modulo 2**64


def bare_words(text: str) -> list[bytes]:
    """In one case and form; what is neither letter nor digit parts words: `don't` is `don t`."""
    if text.isascii():
        return text.encode().translate(_BARE).split()
    return _MARKS.sub(" ", folded(text)).encode("utf-8", "surrogatepass").split()


def _powers(base: int) -> Array:
    factors = np.full(BLOCK + 1, base % 2**64, dtype=np.uint64)
    factors[0] = 1
    return np.cumprod(factors)


_UP = _powers(_BASE)
_DOWN = _powers(pow(_BASE, -1, 2**64))


def mixed(ids: Array) -> Array:
    """Word numbers to 64 bits that look random (splitmix64's finalizer)."""
    z = ids.astype(np.uint64) * np.uint64(0xD1342543DE82EF95)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    made: Array = z ^ (z >> np.uint64(31))
    return made


def sums(words: Array) -> Array:
    """Of the first k words (mixed, at most BLOCK), for each k: a polynomial's partial sums modulo 2**64."""
    made = np.zeros(len(words) + 1, dtype=np.uint64)
    np.cumsum(words * _UP[: len(words)], out=made[1:])
    return made


def windows(partial: Array, width: int) -> Array:
    """Hashes of `width` words from each place on, wherever in the block they stand; of none where there are fewer."""
    found: Array = (partial[width:] - partial[:-width]) * _DOWN[: max(0, len(partial) - width)]
    return found


def window(partial: Array, at: int, width: int) -> int:
    """The hash of the `width` words from `at` on."""
    return (int(partial[at + width]) - int(partial[at])) * int(_DOWN[at]) % 2**64


def ngrams(words: Array, width: int) -> Array:
    """As `windows`, of any number of mixed words."""
    step = BLOCK - width + 1
    starts = range(0, max(1, len(words) - width + 1), step)
    return np.concatenate([windows(sums(words[a : a + BLOCK]), width) for a in starts])


class Hashes:
    """Sorted hashes, and whether there are any that begin with some bits: most of what a row has needs no search."""

    def __init__(self, ordered: Array) -> None:
        self.sorted = ordered
        bits = min(max(1, (16 * len(ordered)).bit_length()), max(24, (2 * len(ordered)).bit_length()))
        self._shift = np.uint64(64 - bits)
        self._begun = np.zeros(1 << bits, dtype=bool)
        self._begun[ordered >> self._shift] = True

    def places(self, wanted: Array) -> tuple[Array, Array]:
        """Which of some hashes are here, and where the first like it is."""
        maybe = self._begun[wanted >> self._shift].nonzero()[0]
        if not len(maybe):
            return maybe, maybe
        looked_for = wanted[maybe]
        at = self.sorted.searchsorted(looked_for)
        equal = self.sorted.take(at, mode="clip") == looked_for
        return maybe[equal], at[equal]
