"""Rows that share n words in a row with what the recipe's evals ask or expect.

Words are compared in one case, without punctuation. An index of all evals is built once; processes that read rows
inherit it, and look up each n-gram of a row by its hash (64 bits: a million rows against five million n-grams meet by
chance with a probability of 1e-4).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np

from smolc.runtime.data.dedup import folded

Array = np.ndarray[Any, Any]

SHORTEST = 5  # words: what evals say in fewer is said everywhere
COMMON = 5  # texts of an eval with the same n-gram, and
COMMON_PART = (
    0.02  # their part of the eval, above which it belongs to the eval's wording and not to one problem
)
SHOWN_WORDS = 40
SHOWN_ROWS = 20

_MARKS = re.compile(r"[^\w\s]|_")
_BARE = bytes(ord(chr(i).lower()) if i < 128 and chr(i).isalnum() else 32 for i in range(256))
_BASE = 0x9E3779B97F4A7C15  # odd, so that it has an inverse modulo 2**64
_BLOCK = 1 << 14  # words looked up at once


def bare_words(text: str) -> list[bytes]:
    """In one case and form; what is neither letter nor digit parts words: `don't` is `don t`."""
    if text.isascii():
        return text.encode().translate(_BARE).split()
    return _MARKS.sub(" ", folded(text)).encode("utf-8", "surrogatepass").split()


class Hit(NamedTuple):
    """What a row shares with a problem of an eval: at `place` in its data, `words` (the first 40 of the first run)."""

    eval: str
    place: str
    words: str


def _powers(base: int) -> Array:
    factors = np.full(_BLOCK + 1, base % 2**64, dtype=np.uint64)
    factors[0] = 1
    return np.cumprod(factors)


_UP = _powers(_BASE)
_DOWN = _powers(pow(_BASE, -1, 2**64))


def _mixed(ids: Array) -> Array:
    """Word numbers to 64 bits that look random (splitmix64's finalizer)."""
    z = ids.astype(np.uint64) * np.uint64(0xD1342543DE82EF95)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: Array = z ^ (z >> np.uint64(31))
    return mixed


def _sums(mixed: Array) -> Array:
    """Of the first k words, for each k: a polynomial's partial sums modulo 2**64."""
    sums = np.zeros(len(mixed) + 1, dtype=np.uint64)
    np.cumsum(mixed * _UP[: len(mixed)], out=sums[1:])
    return sums


def _windows(sums: Array, width: int) -> Array:
    """Hashes of `width` words from each place on, wherever in the block they stand."""
    found: Array = (sums[width:] - sums[:-width]) * _DOWN[: max(0, len(sums) - width)]
    return found


class _Hashes:
    """Sorted hashes, and whether there are any that begin with some bits: most of what a row has needs no search."""

    def __init__(self, hashes: Array) -> None:
        self.sorted = hashes
        bits = min(max(1, (16 * len(hashes)).bit_length()), max(24, (2 * len(hashes)).bit_length()))
        self._shift = np.uint64(64 - bits)
        self._begun = np.zeros(1 << bits, dtype=bool)
        self._begun[hashes >> self._shift] = True

    def places(self, hashes: Array) -> list[tuple[int, int]]:
        """Which of some hashes are here, and where the first like it is."""
        maybe = self._begun[hashes >> self._shift].nonzero()[0]
        if not len(maybe):
            return []
        wanted = hashes[maybe]
        at = self.sorted.searchsorted(wanted)
        equal = self.sorted.take(at, mode="clip") == wanted
        return list(zip(maybe[equal].tolist(), at[equal].tolist(), strict=True))


@dataclass
class Index:
    """N-grams of evals. Picklable; about 12 bytes each, and the words.

    texts, ignored: eval texts read, and those shorter than five words. common: n-grams that so many texts of an eval
    share that they are its wording (`answer with the letter of the right choice`), which are not looked for.
    """

    n: int
    texts: int = 0
    ignored: int = 0
    common: int = 0
    _words: dict[bytes, int] = field(default_factory=dict)
    _places: list[tuple[str, str]] = field(default_factory=list)
    _grams: _Hashes = field(default_factory=lambda: _Hashes(np.zeros(0, dtype=np.uint64)))
    _of: Array = field(default_factory=lambda: np.zeros(0, dtype=np.int32))  # of each n-gram, into _places
    _mix: Array = field(default_factory=lambda: np.zeros(1, dtype=np.uint64))  # of each word's number
    # Texts of fewer than n words, whole: by the hash of their first words their lengths; by hash and length, places.
    _lengths: dict[int, tuple[int, ...]] = field(default_factory=dict)
    _short: dict[tuple[int, int], list[int]] = field(default_factory=dict)
    _heads: _Hashes = field(default_factory=lambda: _Hashes(np.zeros(0, dtype=np.uint64)))

    @classmethod
    def build(cls, entries: Iterable[tuple[str, str, str]], n: int) -> Index:
        """entries: an eval's name, a place in its data, and a text that it asks or expects there."""
        index = cls(n)
        evals: dict[str, _Grams] = {}
        for name, place, text in entries:
            index.texts += 1
            said = bare_words(text)
            if len(said) < index._head:
                index.ignored += 1
                continue
            number = len(index._places)
            index._places.append((name, place))
            known = index._words
            ids = np.array([known.setdefault(word, len(known) + 1) for word in said])
            if len(ids) < n:
                index._add_short(ids, number)
            else:
                evals.setdefault(name, _Grams()).add(index._hashes(ids, n), number)
        parts = []
        for grams in evals.values():
            hashes, of, common = grams.distinct()
            index.common += common
            parts.append((hashes, of))
        if parts:
            hashes, of = (np.concatenate(column) for column in zip(*parts, strict=True))
            order = np.argsort(hashes, kind="stable")
            index._grams, index._of = _Hashes(hashes[order]), of[order]
        index._heads = _Hashes(np.array(sorted(index._lengths), dtype=np.uint64))
        index._mix = _mixed(np.arange(len(index._words) + 1))
        return index

    def identity(self) -> dict[str, Any]:
        """As JSON: what is looked for."""
        digest = hashlib.sha256(self._grams.sorted.tobytes())
        digest.update(repr(sorted(self._short)).encode() + repr(self._places).encode())
        return {"ngram": self.n, "texts": self.texts, "sha256": digest.hexdigest()}

    @property
    def _head(self) -> int:
        return min(SHORTEST, self.n)

    @staticmethod
    def _hashes(ids: Array, width: int) -> Array:
        step = _BLOCK - width + 1
        mixed = _mixed(ids)
        blocks = (mixed[a : a + _BLOCK] for a in range(0, len(ids) - width + 1, step))
        return np.concatenate([_windows(_sums(block), width) for block in blocks])

    def _add_short(self, ids: Array, number: int) -> None:
        sums = _sums(_mixed(ids))
        head, whole = int(_windows(sums, self._head)[0]), int(_windows(sums, len(ids))[0])
        self._lengths[head] = tuple(sorted({*self._lengths.get(head, ()), len(ids)}))
        of = self._short.setdefault((whole, len(ids)), [])
        if all(self._places[other][0] != self._places[number][0] for other in of):
            of.append(number)

    def hits(self, text: str) -> list[Hit]:
        """One for each problem that the text shares words with, in the order of the text."""
        said = bare_words(text)
        if len(said) < self._head or not self._words:
            return []
        known = self._words.get
        ids = np.fromiter(map(known, said, repeat(0)), dtype=np.int32, count=len(said))
        found: list[tuple[int, int, int]] = []  # first word, number of words, place
        for start in range(0, max(1, len(ids) - self.n + 1), _BLOCK - self.n + 1):
            found += [(start + at, width, of) for at, width, of in self._found(ids[start : start + _BLOCK])]
        return self._told(said, found) if found else []

    def _found(self, ids: Array) -> list[tuple[int, int, int]]:
        unknown = np.zeros(len(ids) + 1, dtype=np.int32)
        np.cumsum(ids == 0, out=unknown[1:])
        shortest = self._head if self._short else self.n
        # Only where words that some eval has stand in a row, a hash can be an eval's.
        if not (unknown[shortest:] == unknown[:-shortest]).any():
            return []
        sums = _sums(self._mix[ids])
        found: list[tuple[int, int, int]] = []
        if self._short:
            heads = _windows(sums, self._head)
            for start, _ in self._heads.places(heads):
                found += self._whole(sums, start, int(heads[start]))
        grams = self._grams.sorted
        for start, gram in self._grams.places(_windows(sums, self.n)):
            # Several evals may have the same.
            same = grams[gram]
            while gram < len(grams) and grams[gram] == same:
                found.append((start, self.n, int(self._of[gram])))
                gram += 1
        return found

    def _whole(self, sums: Array, at: int, head: int) -> Iterator[tuple[int, int, int]]:
        for width in self._lengths[head]:
            if at + width < len(sums):
                whole = (int(sums[at + width]) - int(sums[at])) * int(_DOWN[at]) % 2**64
                for of in self._short.get((whole, width), ()):
                    yield at, width, of

    def _told(self, said: list[bytes], found: list[tuple[int, int, int]]) -> list[Hit]:
        runs: dict[tuple[str, str], list[int]] = {}
        for at, width, of in sorted(found):
            run = runs.setdefault(self._places[of], [at, at + width])
            if at <= run[1]:
                run[1] = max(run[1], at + width)
        hits = []
        for (name, place), (start, end) in runs.items():
            words = b" ".join(said[start : min(end, start + SHOWN_WORDS)]).decode("utf-8", "replace")
            hits.append(Hit(name, place, words + " ..." * (end - start > SHOWN_WORDS)))
        return hits


class _Grams:
    """N-grams of one eval, while it is read: each with the first text that has it and how many texts do."""

    PENDING = 2_000_000

    def __init__(self) -> None:
        self.texts = 0
        self._seen: set[int] = set()
        self._hashes = [np.zeros(0, dtype=np.uint64)]
        self._of = [np.zeros(0, dtype=np.int32)]
        self._counts = [np.zeros(0, dtype=np.int64)]
        self._pending = 0

    def add(self, hashes: Array, number: int) -> None:
        # The same text again (a problem with several answers) says nothing about the eval's wording.
        text = int(hashes.sum())
        if text in self._seen:
            return
        self._seen.add(text)
        self.texts += 1
        hashes = np.unique(hashes)
        self._hashes.append(hashes)
        self._of.append(np.full(len(hashes), number, dtype=np.int32))
        self._counts.append(np.ones(len(hashes), dtype=np.int64))
        self._pending += len(hashes)
        if self._pending > self.PENDING:
            self._merge()

    def _merge(self) -> None:
        hashes, where, back = np.unique(np.concatenate(self._hashes), return_index=True, return_inverse=True)
        counts = np.bincount(back, weights=np.concatenate(self._counts), minlength=len(hashes))
        self._of = [np.concatenate(self._of)[where]]
        self._hashes, self._counts, self._pending = [hashes], [counts.astype(np.int64)], 0

    def distinct(self) -> tuple[Array, Array, int]:
        """Hashes, the text of each, and how many were left out as common."""
        self._merge()
        kept = self._counts[0] <= max(COMMON, COMMON_PART * self.texts)
        return self._hashes[0][kept], self._of[0][kept], int((~kept).sum())


def report(index: Index, hits: Iterable[tuple[str, Hit]]) -> dict[str, Any]:
    """For `contamination.json`. hits: the place of a training row, and what it shares; all hits of a row together.

    `{"ngram", "texts", "ignored", "common", "rows", "evals": {name: {"rows", "shown": [{"row", "eval", "words"}]}}}`
    """
    evals: dict[str, dict[str, Any]] = {}
    rows: set[str] = set()
    last: dict[str, str] = {}
    for row, hit in hits:
        rows.add(row)
        about = evals.setdefault(hit.eval, {"rows": 0, "shown": []})
        if last.get(hit.eval) == row:
            continue
        last[hit.eval] = row
        about["rows"] += 1
        if len(about["shown"]) < SHOWN_ROWS:
            about["shown"].append({"row": row, "eval": hit.place, "words": hit.words})
    return {
        "ngram": index.n,
        "texts": index.texts,
        "ignored": index.ignored,
        "common": index.common,
        "rows": len(rows),
        "evals": evals,
    }
