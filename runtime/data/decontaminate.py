"""Rows that share n words in a row with what the recipe's evals ask or expect.

Words are compared in one case, without punctuation. An index of all evals is built once; processes that read rows
inherit it, and look up each n-gram of a row by its hash (64 bits: a million rows against five million n-grams meet by
chance with a probability of 1e-4).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any, NamedTuple

import numpy as np

from smolc.runtime.data.grams import BLOCK, Hashes, bare_words, mixed, ngrams, sums, window, windows

Array = np.ndarray[Any, Any]

SHORTEST = 5  # words: what evals say in fewer is said everywhere
COMMON = 5  # texts of an eval with the same n-gram, and
COMMON_PART = (
    0.02  # their part of the eval, above which it belongs to the eval's wording and not to one problem
)
SHOWN_WORDS = 40
SHOWN_ROWS = 20


class Hit(NamedTuple):
    """What a row shares with a problem of an eval: at `place` in its data, `words` (the first 40 of the first run)."""

    eval: str
    place: str
    words: str


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
    _grams: Hashes = field(default_factory=lambda: Hashes(np.zeros(0, dtype=np.uint64)))
    _of: Array = field(default_factory=lambda: np.zeros(0, dtype=np.int32))  # of each n-gram, into _places
    _mix: Array = field(default_factory=lambda: np.zeros(1, dtype=np.uint64))  # of each word's number
    # Texts of fewer than n words, whole: by the hash of their first words their lengths; by hash and length, places.
    _lengths: dict[int, tuple[int, ...]] = field(default_factory=dict)
    _short: dict[tuple[int, int], list[int]] = field(default_factory=dict)
    _heads: Hashes = field(default_factory=lambda: Hashes(np.zeros(0, dtype=np.uint64)))

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
                evals.setdefault(name, _Grams()).add(ngrams(mixed(ids), n), number)
        parts = []
        for grams in evals.values():
            hashes, of, common = grams.distinct()
            index.common += common
            parts.append((hashes, of))
        if parts:
            hashes, of = (np.concatenate(column) for column in zip(*parts, strict=True))
            order = np.argsort(hashes, kind="stable")
            index._grams, index._of = Hashes(hashes[order]), of[order]
        index._heads = Hashes(np.array(sorted(index._lengths), dtype=np.uint64))
        index._mix = mixed(np.arange(len(index._words) + 1))
        return index

    def identity(self) -> dict[str, Any]:
        """As JSON: what is looked for."""
        digest = hashlib.sha256(self._grams.sorted.tobytes())
        digest.update(repr(sorted(self._short)).encode() + repr(self._places).encode())
        return {"ngram": self.n, "texts": self.texts, "sha256": digest.hexdigest()}

    @property
    def _head(self) -> int:
        return min(SHORTEST, self.n)

    def _add_short(self, ids: Array, number: int) -> None:
        partial = sums(mixed(ids))
        head, whole = window(partial, 0, self._head), window(partial, 0, len(ids))
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
        for start in range(0, max(1, len(ids) - self.n + 1), BLOCK - self.n + 1):
            found += [(start + at, width, of) for at, width, of in self._found(ids[start : start + BLOCK])]
        return self._told(said, found) if found else []

    def _found(self, ids: Array) -> list[tuple[int, int, int]]:
        unknown = np.zeros(len(ids) + 1, dtype=np.int32)
        np.cumsum(ids == 0, out=unknown[1:])
        shortest = self._head if self._short else self.n
        # Only where words that some eval has stand in a row, a hash can be an eval's.
        if not (unknown[shortest:] == unknown[:-shortest]).any():
            return []
        partial = sums(self._mix[ids])
        found: list[tuple[int, int, int]] = []
        if self._short:
            heads = windows(partial, self._head)
            for start in self._heads.places(heads)[0].tolist():
                found += self._whole(partial, start, int(heads[start]))
        grams = self._grams.sorted
        for start, gram in zip(
            *(a.tolist() for a in self._grams.places(windows(partial, self.n))), strict=True
        ):
            # Several evals may have the same.
            same = grams[gram]
            while gram < len(grams) and grams[gram] == same:
                found.append((start, self.n, int(self._of[gram])))
                gram += 1
        return found

    def _whole(self, partial: Array, at: int, head: int) -> Iterator[tuple[int, int, int]]:
        for width in self._lengths[head]:
            if at + width < len(partial):
                for of in self._short.get((window(partial, at, width), width), ()):
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
