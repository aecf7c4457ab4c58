"""How much of each problem of an eval stands in one text of training data.

Two shares, from 0 to 1. `verbatim`: of a problem's runs of n words (13), those that the text has; a quoted sentence of a
long problem is a small part of them. `near`: of its runs of three words, weighted by how rare they are in the eval
(idf), those that the text has; what was reworded lightly still has most of them, and so have problems too short for
runs of n words. Words are compared in one case, without punctuation; numbers are words, and have to be the same.

Runs that many problems of an eval share are its wording ("choose the right answer"), and count for neither.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from smolc.runtime.data.grams import BLOCK, Hashes, bare_words, mixed, ngrams

Array = np.ndarray[Any, Any]

NEAR = 3  # words
SHORTEST = 5  # different words: what evals say in fewer is said everywhere
SHORT = 8  # different words, below which a text has to be all there, in one that says little else
COMMON, COMMON_PART = (
    5,
    0.02,
)  # texts of an eval with the same run, and their part of it, from which it is wording
TOLD = 0.1  # the smallest share that is looked at
LONGEST = 1024  # words of a text of an eval that are compared: its first ones

VERBATIM_LEAK = 0.5
NEAR_LEAK, NEAR_SHORT = (
    0.5,
    2.0,
)  # the share, and what is added to it, divided by the number of different words
NUMBERS_LEAK = (
    0.8  # of a verbatim problem's numbers, and all of a reworded one's: with others it is another problem
)
"""From where a problem is leaked. bench/contamination.py, on real data: none of GSM8K's 1,319 test problems is in its 7,473
training problems, none of HumanEval's in 4.5k programs, none of MT-Bench's in 6.5k instructions. All copies are found; with
one word in ten replaced, left out or put in, 96%, 96% and 86% of them; with one in seven, about 80%."""


class Match(NamedTuple):
    """Of one problem (by number) in one text (by number)."""

    text: int
    problem: int
    verbatim: float
    near: float


class Overlap:
    """All problems that are looked for. Picklable; about 40 bytes a word of the evals."""

    def __init__(self, texts: Iterable[tuple[int, int, str]], n: int) -> None:
        """texts: the task and the problem (numbers; a problem is of one task) that ask or expect a text."""
        self.n = n
        self._words: dict[bytes, int] = {}
        seen: set[tuple[int, bytes]] = set()
        tasks: list[int] = []
        problems: list[int] = []
        said: list[Array] = []
        for task, problem, text in texts:
            words = bare_words(text)[:LONGEST]
            if len(set(words)) < SHORTEST or (problem, b" ".join(words)) in seen:
                continue
            seen.add((problem, b" ".join(words)))
            known = self._words
            tasks.append(task)
            problems.append(problem)
            said.append(np.array([known.setdefault(word, len(known) + 1) for word in words]))
        self._problems = np.array(problems, dtype=np.int64)
        self._lengths = np.array([len(words) for words in said], dtype=np.int64)
        self._distinct = np.array([len(np.unique(words)) for words in said], dtype=np.int64)
        numbers = {number for word, number in self._words.items() if any(48 <= c <= 57 for c in word)}
        self._is_number = np.array([n in numbers for n in range(len(self._words) + 1)])
        self._numbers = [np.unique(words[self._is_number[words]]) for words in said]
        self._mix = mixed(np.arange(len(self._words) + 1))
        of = np.array(tasks, dtype=np.int64)
        self._near = _Runs([self._mix[w] for w in said], of, NEAR, weighted=True)
        self._verbatim = _Runs([self._mix[w] for w in said], of, n, weighted=False)
        compared = set(self._problems[(self._near.whole > 0) | (self._verbatim.whole > 0)].tolist())
        self.compared: frozenset[int] = frozenset(compared)

    def matches(self, texts: Sequence[str]) -> list[Match]:
        """Leaked problems, each with the largest shares that one of the texts has of it, in that text."""
        pieces: list[Array] = []
        of: list[int] = []
        get = self._words.get
        for number, text in enumerate(texts):
            words = bare_words(text)
            ids = np.fromiter((get(word, 0) for word in words), dtype=np.int64, count=len(words))
            # A long document has many runs by chance: it is looked at piece by piece, each half over the next.
            for start in range(0, max(1, len(ids) - LONGEST), LONGEST):
                pieces.append(ids[start : start + 2 * LONGEST])
                of.append(number)
        return self._matches(pieces, np.array(of, dtype=np.int64)) if pieces else []

    def _matches(self, pieces: list[Array], of: Array) -> list[Match]:
        lengths = np.array([len(piece) for piece in pieces])
        # Between two pieces stands a word that nobody says.
        ids = np.concatenate([np.append(piece, 0) for piece in pieces])
        piece_of = np.repeat(np.arange(len(pieces)), lengths + 1)
        near = self._near.shares(self._mix[ids], ids == 0, piece_of)
        verbatim = self._verbatim.shares(self._mix[ids], ids == 0, piece_of)
        piece, text, near_share, verbatim_share = _joined(near, verbatim)
        long = self._distinct[text] >= SHORT
        leaked = long & (
            (verbatim_share >= VERBATIM_LEAK) | (near_share >= NEAR_LEAK + NEAR_SHORT / self._distinct[text])
        )
        leaked |= (near_share > 0.999) & (lengths[piece] <= 2 * self._lengths[text])
        for i in leaked.nonzero()[0].tolist():
            wanted = self._numbers[text[i]]
            least = NUMBERS_LEAK if verbatim_share[i] >= VERBATIM_LEAK else 1.0
            leaked[i] = np.isin(wanted, pieces[piece[i]]).sum() >= least * len(wanted)
        best: dict[tuple[int, int], Match] = {}
        rows = zip(
            of[piece[leaked]].tolist(),
            self._problems[text[leaked]].tolist(),
            verbatim_share[leaked].tolist(),
            near_share[leaked].tolist(),
            strict=True,
        )
        for found in (Match(*row) for row in rows):
            key = (found.text, found.problem)
            if key not in best or found[2:] > best[key][2:]:
                best[key] = found
        return sorted(best.values())


class _Runs:
    """Runs of `width` words of all texts. whole: the weight of each text's runs together; 0 where it has none."""

    def __init__(self, texts: list[Array], tasks: Array, width: int, weighted: bool) -> None:
        self.width = width
        own = [np.unique(ngrams(words, width)) if len(words) >= width else words[:0] for words in texts]
        counts = np.array([len(hashes) for hashes in own], dtype=np.int64)
        of = np.repeat(np.arange(len(texts)), counts)
        hashes = np.concatenate([*own, np.zeros(0, dtype=np.uint64)])
        weights = np.zeros(len(hashes))
        for task in np.unique(tasks):
            here = tasks[of] == task
            size = int((tasks == task).sum())
            _, back, times = np.unique(hashes[here], return_inverse=True, return_counts=True)
            rarity = np.log((size + 1) / times) if weighted else np.ones(len(times))
            rarity[times > max(COMMON, COMMON_PART * size)] = 0
            weights[here] = rarity[back]
        kept = weights > 0
        hashes, of, weights = hashes[kept], of[kept], weights[kept]
        self.whole = np.bincount(of, weights=weights, minlength=len(texts))
        order = np.argsort(hashes, kind="stable")
        self._of, self._weights = of[order].astype(np.int32), weights[order].astype(np.float32)
        known, first = np.unique(hashes[order], return_index=True)
        self._known = Hashes(known)
        self._first = np.append(first, len(hashes))

    def shares(self, words: Array, unknown: Array, piece_of: Array) -> tuple[Array, Array, Array]:
        """Piece and text, and the share of the text that the piece has, from TOLD on; ordered by both."""
        where, gram = self._found(words, unknown)
        # A run that a piece says twice counts once.
        pairs = _distinct(piece_of[where] * len(self._first) + gram)
        piece, gram = np.divmod(pairs, len(self._first))
        counts = self._first[gram + 1] - self._first[gram]
        skipped = np.repeat(np.cumsum(counts) - counts, counts)
        posting = np.repeat(self._first[gram], counts) + np.arange(len(skipped)) - skipped
        key = np.repeat(piece, counts) * len(self.whole) + self._of[posting]
        keys, back = np.unique(key, return_inverse=True)
        weight = np.bincount(back, weights=self._weights[posting], minlength=len(keys))
        piece, text = np.divmod(keys, max(1, len(self.whole)))
        share = np.round(weight / self.whole[text], 5)
        told = share >= TOLD
        return piece[told], text[told], share[told]

    def _found(self, words: Array, unknown: Array) -> tuple[Array, Array]:
        """Where a known run begins, and which it is."""
        # Only where words that some eval has stand in a row, a hash can be an eval's.
        before = np.zeros(len(words) + 1, dtype=np.int64)
        np.cumsum(unknown, out=before[1:])
        places, grams = [], []
        for start in range(0, len(words) - self.width + 1, BLOCK - self.width + 1):
            block = words[start : start + BLOCK]
            hashes = ngrams(block, self.width)
            seen = before[start : start + len(block) + 1]
            candidates = (seen[self.width :] == seen[: -self.width]).nonzero()[0]
            at, which = self._known.places(hashes[candidates])
            places.append(candidates[at] + start)
            grams.append(which)
        if not places:
            nothing = np.zeros(0, dtype=np.int64)
            return nothing, nothing
        return np.concatenate(places), np.concatenate(grams)


def _distinct(keys: Array) -> Array:
    """Ascending. Sorting is much faster here than numpy's hashing of distinct values."""
    ordered = np.sort(keys)
    first = np.ones(len(ordered), dtype=bool)
    first[1:] = ordered[1:] != ordered[:-1]
    return ordered[first]


def _joined(
    near: tuple[Array, Array, Array], verbatim: tuple[Array, Array, Array]
) -> tuple[Array, Array, Array, Array]:
    """Piece, text, near share, verbatim share: of all pairs that have one of them."""
    size = 1 + max((int(t.max()) for t in (near[1], verbatim[1]) if len(t)), default=0)
    keys = _distinct(np.concatenate([near[0] * size + near[1], verbatim[0] * size + verbatim[1]]))
    made = []
    for piece, text, share in (near, verbatim):
        column = np.zeros(len(keys))
        column[np.searchsorted(keys, piece * size + text)] = share
        made.append(column)
    piece, text = np.divmod(keys, size)
    return piece, text, made[0], made[1]
