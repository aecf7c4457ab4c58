"""Rows that are longer than the recipe's `length`: left out, cut, or split. What is used of a row is a piece of it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from smolc.runtime.data.encode import Encoded
from smolc.runtime.data.store import Tokens
from smolc.runtime.data.tokens import Array
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.prepare import Overlong


@dataclass
class Counts:
    """overlong: rows longer than allowed; of these, dropped, split into several, cut where a turn ends, or cut within
    one (its end-of-turn is lost). untrained: rows dropped because nothing that is trained was left of them.
    untrained_pieces: of rows that are split, parts left out for the same reason."""

    overlong: int = 0
    dropped: int = 0
    split: int = 0
    cut_at_turn: int = 0
    cut_within_turn: int = 0
    untrained: int = 0
    untrained_pieces: int = 0
    longest: int = 0


@dataclass
class Pieces:
    """What is used of a source: tokens start..stop of a row, one entry for each piece (int64). Of pairs, stop is the
    length that prompt and answer are cut to. read, trained: tokens."""

    row: Array
    start: Array
    stop: Array
    read: Array
    trained: Array
    counts: Counts = field(default_factory=Counts)

    def at(self, chosen: Array) -> Pieces:
        """Those with the numbers `chosen`."""
        return Pieces(
            self.row[chosen],
            self.start[chosen],
            self.stop[chosen],
            self.read[chosen],
            self.trained[chosen],
            self.counts,
        )


def choices(answered: bool) -> str:
    """What `overlong` may be where rows are too long. answered: whether they are prompts with answers, which are not
    split."""
    return "drop or truncate" if answered else "drop, truncate or split"


def pieces(tokens: Tokens, rows: Array, length: int | None, overlong: Overlong) -> Pieces:
    """rows: numbers of the rows that are used, ascending. length: None where rows are cut anywhere anyhow. Raises
    JobError if rows are too long and may not be."""
    longest = tokens.longest[rows].astype(np.int64)
    counts = Counts(longest=int(longest.max(initial=0)))
    over = np.zeros(len(rows), dtype=bool) if length is None else longest > length
    counts.overlong = int(over.sum())
    if counts.overlong and overlong == "error":
        first = int(rows[np.argmax(over)])
        noun = "row is" if counts.overlong == 1 else "rows are"
        raise JobError(
            f"{tokens.name}: {counts.overlong:,} {noun} longer than {length} tokens; the first is "
            f"{tokens.place(first)} ({tokens.longest[first]} tokens), the longest has {counts.longest}",
            help=f"raise the length, or say overlong = {choices(tokens.answered)}",
        )
    fitting = rows[~over]
    whole = [
        fitting,
        np.zeros(len(fitting), dtype=np.int64),
        longest[~over],
        tokens.read[fitting].astype(np.int64),
        tokens.trained[fitting].astype(np.int64),
    ]
    made: list[tuple[int, int, int, int, int]] = []
    if overlong == "drop":
        counts.dropped = counts.overlong
    elif counts.overlong:
        assert length is not None
        for row in rows[over].tolist():
            if tokens.answered:
                made += _cut_answers(tokens, row, length, counts)
            else:
                made += _cut(tokens, row, length, overlong == "split", counts)
    if not len(fitting) and not made:
        cut = overlong in ("truncate", "split")
        said = (
            f"has a trained token left once it is cut at {length} tokens"
            if cut
            else f"is within {length} tokens"
        )
        raise JobError(f"{tokens.name}: of {len(rows)} rows, none {said}", help="raise the length")
    if made:
        more = np.asarray(made, dtype=np.int64).T
        whole = [np.concatenate([a, b]) for a, b in zip(whole, more, strict=True)]
        order = np.argsort(whole[0], kind="stable")
        whole = [column[order] for column in whole]
    row, start, stop, read, trained = whole
    return Pieces(row, start, stop, read, trained, counts)


def trained_in(spans: Array, start: int, stop: int) -> int:
    """Trained tokens in start..stop. Nothing predicts the first of them."""
    firsts, afters = spans[::2], spans[1::2]
    inside = np.minimum(afters, stop) - np.maximum(firsts, start + 1)
    return int(inside.clip(min=0).sum())


def _cut(
    tokens: Tokens, row: int, length: int, split: bool, counts: Counts
) -> list[tuple[int, int, int, int, int]]:
    item: Encoded = tokens.encoded(row)
    spans, size = np.asarray(item.spans), len(item.ids)
    made: list[tuple[int, int, int, int, int]] = []
    within = False
    start = pieces = 0
    while start < size:
        pieces += 1
        limit = start + length
        if limit >= size:
            at = size
        else:
            at = max((end for end in item.ends if start < end <= limit), default=limit)
            if not trained_in(spans, start, at):
                at = limit
            within = within or at not in item.ends
        trained = trained_in(spans, start, at)
        if trained:
            made.append((row, start, at, at - start, trained))
        start = at
        if not split:
            break
    if not made:
        counts.untrained += 1
    elif within:
        counts.cut_within_turn += 1
    else:
        counts.cut_at_turn += 1
    if made and split:
        counts.split += 1
        counts.untrained_pieces += pieces - len(made)
    return made


def _cut_answers(
    tokens: Tokens, row: int, length: int, counts: Counts
) -> list[tuple[int, int, int, int, int]]:
    """The prompt stays whole, the answers are cut. There is no second part of an answer to train on."""
    item = tokens.answers(row)
    room = length - len(item.prompt)
    cut = [answer[: max(room, 0)] for answer in item.answers]
    if room <= 0 or (len(cut) == 2 and np.array_equal(cut[0], cut[1])):
        counts.untrained += 1
        return []
    counts.cut_within_turn += 1
    trained = sum(map(len, cut))
    return [(row, 0, length, len(item.prompt) * len(cut) + trained, trained)]
