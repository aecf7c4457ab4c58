"""One row as it is trained: its tokens in turns, which of them are trained, and what its length does to it."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from smolc.runtime.data.encode import Answered, Encoded, Encoder
from smolc.runtime.data.formats import Chat, Example, Judged, Pair
from smolc.runtime.data.overlong import Counts, pieces
from smolc.runtime.data.pieces import pieces as text_pieces
from smolc.runtime.data.rows import Row
from smolc.runtime.data.store import KEY, Builder, Part, Tokens, longest_of
from smolc.runtime.data.tokens import Array
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.prepare import Overlong
from smolc.runtime.preview.turns import turn_starts

MOST_TOKENS = 3000  # of one turn that are shown; of longer ones the begin and the end
Fate = Literal["fits", "cut", "split", "left out", "stops"]


@dataclass(slots=True)
class Piece:
    """trained: how many of its tokens are. part: which row of the data set it goes to, None if to none. gap: its text
    is not shown."""

    text: str
    tokens: int
    trained: int
    special: bool
    part: int | None
    gap: bool = False


@dataclass
class Turn:
    role: str
    pieces: list[Piece]

    @property
    def tokens(self) -> int:
        return sum(piece.tokens for piece in self.pieces)

    @property
    def trained(self) -> int:
        return sum(piece.trained for piece in self.pieces)


@dataclass
class Sequence:
    """name: prompt, chosen and so on; empty for a document or a conversation. trained: tokens, after any cut."""

    name: str
    turns: list[Turn]
    tokens: int
    trained: int


@dataclass
class Shown:
    """tokens: of its longest sequence. trained: of all that it has, before any cut. said: what happens to it, in words.
    parts: tokens start..stop of what is used of it. ids: of documents only, which can be packed."""

    number: int
    source: str
    place: str
    sequences: list[Sequence]
    tokens: int
    trained: int
    fate: Fate
    said: str
    parts: list[tuple[int, int]]
    ids: list[int] = field(default_factory=list)

    @property
    def kept(self) -> int:
        """Trained tokens that are left."""
        return sum(sequence.trained for sequence in self.sequences)


class Reader:
    """Makes rows of encoded examples. length: None where rows are cut wherever a row of the data set is full."""

    def __init__(self, encoder: Encoder, length: int | None, overlong: Overlong) -> None:
        self.encoder = encoder
        self.length = length
        self.overlong = overlong
        added = encoder.tokenizer.added_tokens_decoder
        self._special = {number for number, token in added.items() if token.special}
        names = sorted((re.escape(str(added[n])) for n in self._special), key=len, reverse=True)
        self._names = re.compile("|".join(names)) if names else None

    def row(self, number: int, source: str, row: Row, example: Example, item: Encoded | Answered) -> Shown:
        parts, counts = self._parts(row, item)
        tokens = longest_of(item)
        if isinstance(item, Encoded):
            sequences = [self._document(row, example, item, parts)]
        else:
            sequences = self._answers(example, item, parts)
        kept = sum(sequence.trained for sequence in sequences)
        fate, said = self._fate(tokens, item.trained, kept, parts, counts)
        ids = item.ids.tolist() if isinstance(item, Encoded) else []
        return Shown(number, source, row.place, sequences, tokens, item.trained, fate, said, parts, ids)

    def _parts(self, row: Row, item: Encoded | Answered) -> tuple[list[tuple[int, int]], Counts]:
        """What is used of the row, as preparation does it."""
        longest = longest_of(item)
        if self.length is None or longest <= self.length:
            return [(0, longest)], Counts()
        if self.overlong in ("error", "drop"):
            return [], Counts(overlong=1)
        made = Builder(False)
        made.rows, made.places, made.turns = [item], [row], [1]
        made.keys = made.row_keys = made.judged_keys = [bytes(KEY)]
        made.judged = [0]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "row.arrow"
            made.write(path, {"hits": []})
            try:
                cut = pieces(
                    Tokens("", [Part(path)]), np.zeros(1, dtype=np.int64), self.length, self.overlong
                )
            except JobError:  # nothing is left of it
                return [], Counts(overlong=1, untrained=1)
        return list(zip(cut.start.tolist(), cut.stop.tolist(), strict=True)), cut.counts

    def _fate(
        self, tokens: int, trained: int, kept: int, parts: list[tuple[int, int]], counts: Counts
    ) -> tuple[Fate, str]:
        if self.length is None:
            return "fits", "is cut wherever a row is full"
        if tokens <= self.length:
            return "fits", f"fits into {self.length:,}"
        long = f"{tokens - self.length:,} tokens too long for {self.length:,}"
        if self.overlong == "error":
            return "stops", f"{long}: preparation stops here (overlong = error)"
        if not parts:
            why = "nothing that is trained would be left" if counts.untrained else "overlong = drop"
            return "left out", f"{long}: left out ({why})"
        lost = f"; {trained - kept:,} of {trained:,} trained tokens are lost" if kept < trained else ""
        if len(parts) > 1:
            sizes = ", ".join(f"{stop - start:,}" for start, stop in parts)
            return "split", f"{long}: split into {len(parts)} rows of {sizes} tokens{lost}"
        where = "within a turn, whose end is lost" if counts.cut_within_turn else "where a turn ends"
        return "cut", f"{long}: cut at {parts[0][1]:,}, {where}{lost}"

    def _document(self, row: Row, example: Example, item: Encoded, parts: list[tuple[int, int]]) -> Sequence:
        trained = item.mask()
        part = np.full(len(item.ids), -1)
        for number, (start, stop) in enumerate(parts):
            part[start:stop] = number
            trained[start] = False  # nothing predicts it
        turns = [(0, "document")]
        if isinstance(example, Chat) and self.encoder.renderer is not None:
            renderer = self.encoder.renderer
            text = renderer.chat(row, example).text
            turns = self._turns(text, example.messages, example)
        return self._sequence("", item.ids, trained, part, turns)

    def _answers(self, example: Example, item: Answered, parts: list[tuple[int, int]]) -> list[Sequence]:
        assert isinstance(example, (Pair, Judged))
        size = len(item.prompt)
        stop = parts[0][1] if parts else 0
        whole = np.zeros(size, dtype=bool), np.full(size, 0 if parts else -1)
        turns = self._turns(item.prompt_text, example.prompt, None)
        sequences = [self._sequence("prompt", item.prompt, *whole, turns)]
        names = ["chosen", "rejected"]
        if item.label is not None:
            names = ["completion, a good one" if item.label else "completion, a bad one"]
        for name, answer in zip(names, item.answers, strict=True):
            part = np.where(np.arange(size, size + len(answer)) < stop, 0, -1)
            trained = np.ones(len(answer), dtype=bool)
            sequences.append(self._sequence(name, answer, trained, part, [(0, "assistant")]))
        return sequences

    def _turns(self, text: str, messages: list[Any], chat: Chat | None) -> list[tuple[int, str]]:
        """First token and role of each turn."""
        assert self.encoder.renderer is not None
        about = (chat.tools, chat.kwargs) if chat is not None else (None, None)
        starts = turn_starts(self.encoder.renderer.template, messages, text, self._names, *about)
        batch = self.encoder.tokens.batch([text])
        tokens, _ = batch.places(0, text, [start for start, _ in starts])
        return [(token, role) for token, (_, role) in zip(tokens, starts, strict=True)]

    def _sequence(
        self, name: str, ids: Array, trained: Array, part: Array, turns: list[tuple[int, str]]
    ) -> Sequence:
        made = []
        stops = [*(start for start, _ in turns[1:]), len(ids)]
        for (start, role), stop in zip(turns, stops, strict=True):
            cuts = (np.flatnonzero(np.diff(part[start:stop])) + start + 1).tolist()
            pieces: list[Piece] = []
            for a, b in zip([start, *cuts], [*cuts, stop], strict=True):
                pieces += self._pieces(ids[a:b].tolist(), trained[a:b], int(part[a]) if a < b else 0)
            made.append(Turn(role, pieces))
        used = int((trained & (part >= 0)).sum())
        return Sequence(name, made, len(ids), used)

    def _pieces(self, ids: list[int], trained: Array, part: int) -> list[Piece]:
        """Tokens that all go to one place."""
        if len(ids) > MOST_TOKENS:
            first, last = MOST_TOKENS * 2 // 3, len(ids) - MOST_TOKENS // 3
            hidden = Piece("", last - first, int(trained[first:last].sum()), False, _known(part), True)
            return [
                *self._pieces(ids[:first], trained[:first], part),
                hidden,
                *self._pieces(ids[last:], trained[last:], part),
            ]
        breaks = set((np.flatnonzero(np.diff(trained)) + 1).tolist())
        made, at = [], 0
        for text, count in text_pieces(self.encoder.tokenizer, ids, breaks):
            learnt = count if trained[at] else 0
            made.append(Piece(text, count, learnt, ids[at] in self._special, _known(part)))
            at += count
        return made


def _known(part: int) -> int | None:
    return None if part < 0 else part


def elided(pieces: list[Piece], most: int) -> list[Piece]:
    """With at most about so many tokens for each stretch that goes to one place: the middle becomes a gap."""
    made: list[Piece] = []
    start = 0
    for stop in range(1, len(pieces) + 1):
        if stop < len(pieces) and pieces[stop].part == pieces[start].part:
            continue
        run = pieces[start:stop]
        start = stop
        total = sum(piece.tokens for piece in run)
        if total <= most + most // 4:  # else as much would be said of it as is left out
            made += run
            continue
        first, last = most * 2 // 3, total - most // 3
        hidden = Piece("", 0, 0, False, run[0].part, True)
        at = 0
        for piece in run:
            if first <= at < last:
                if not hidden.tokens:
                    made.append(hidden)
                hidden.tokens += piece.tokens
                hidden.trained += piece.trained
            else:
                made.append(piece)
            at += piece.tokens
    return made
