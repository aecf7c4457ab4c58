"""The columns that the trainers take, from rows of tokens.

cpt, sft: `input_ids`, `labels` (-100 where nothing is trained), and for packed rows `seq_lengths`, the
lengths of the documents in a row. dpo, orpo, cpo, simpo: `prompt_ids`, `chosen_ids`, `rejected_ids`; kto: `prompt_ids`,
`completion_ids`, `label`; each with the same as text (`prompt`, ...).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from smolc.runtime.data import arrow
from smolc.runtime.data.packing import Bins, Cuts, best_fit, wrapped
from smolc.runtime.data.shuffle import permutation
from smolc.runtime.data.store import Tokens
from smolc.runtime.data.tokens import Array, joined
from smolc.runtime.jobs.prepare import PrepareJob

IGNORED = -100
ROWS = 1000  # of a record batch, at most
TOKENS = 1 << 21  # about so many in memory at once
SLICE = 2048  # documents read before their pages may go


@dataclass
class Uses:
    """Pieces of rows of several sources, in the order in which they are used (int64, one entry for each)."""

    source: Array
    row: Array
    start: Array
    stop: Array

    def __len__(self) -> int:
        return len(self.row)


@dataclass
class Written:
    """rows: of the data set. trained: tokens with a label. seen: for each id whether it occurs."""

    rows: int
    trained: int
    seen: Array


def write(
    folder: Path,
    sources: list[Tokens],
    uses: Uses,
    job: PrepareJob,
    length: int,
    vocabulary: int,
    tell: Callable[[int], None],
) -> Written:
    """The data set at `folder`, batch by batch. tell: is given the number of rows written."""
    written = Written(0, 0, np.zeros(vocabulary, dtype=bool))
    if sources[0].answered:
        _write_answers(folder, sources, uses, job, written, tell)
    else:
        _write_documents(folder, sources, uses, job, length, written, tell)
    return written


def _bins(lengths: Array, job: PrepareJob, length: int) -> Bins:
    if job.packing == "wrapped":
        return wrapped(lengths, length)
    if job.packing == "none":
        return Bins(np.arange(len(lengths), dtype=np.int32), np.arange(len(lengths) + 1))
    return best_fit(lengths, length)


def _write_documents(
    folder: Path,
    sources: list[Tokens],
    uses: Uses,
    job: PrepareJob,
    length: int,
    written: Written,
    tell: Callable[[int], None],
) -> None:
    bins = _bins(uses.stop - uses.start, job, length)
    # Best-fit bins come fullest and longest rows first; training on them in that order would be a curriculum.
    order = permutation(len(bins), job.seed, "bins") if job.packing == "best_fit" else np.arange(len(bins))
    packed = job.packing != "none"
    kinds = {"input_ids": "ids", "labels": "ids"} | ({"seq_lengths": "ids"} if packed else {})
    with arrow.DatasetWriter(folder, kinds) as writer:
        batch = _Batch()

        def flush() -> None:
            nonlocal batch
            ids, labels, bounds, lengths, documents = batch.columns()
            columns = {"input_ids": arrow.ragged(ids, bounds), "labels": arrow.ragged(labels, bounds)}
            if packed:
                columns["seq_lengths"] = arrow.ragged(lengths, documents)
            writer.write(columns)
            tell(writer.rows)
            written.seen[ids] = True
            written.trained += int(np.count_nonzero(labels != IGNORED))
            batch = _Batch()
            for source in sources:
                source.release()

        for number in order.tolist():
            pieces = range(int(bins.bounds[number]), int(bins.bounds[number + 1]))
            batch.add([_document(sources, uses, bins, piece) for piece in pieces])
            if batch.documents >= SLICE or batch.tokens >= TOKENS:
                flush()
        if batch.documents:
            flush()
        written.rows = writer.rows


class _Batch:
    """Rows of documents until they are written."""

    def __init__(self) -> None:
        self.ids: list[Array] = []
        self.spans: list[Array] = []
        self.starts: list[int] = []
        self.rows: list[int] = []
        self.tokens = 0

    @property
    def documents(self) -> int:
        return len(self.ids)

    def add(self, row: list[tuple[Array, Array, int]]) -> None:
        """Of each document its ids, where in the source's row they begin, and the spans of that row."""
        for ids, spans, start in row:
            self.ids.append(ids)
            self.spans.append(spans)
            self.starts.append(start)
            self.tokens += len(ids)
        self.rows.append(len(row))

    def columns(self) -> tuple[Array, Array, Array, Array, Array]:
        """ids, labels, bounds of the rows, lengths of the documents, bounds of these by rows."""
        sizes = np.asarray([len(ids) for ids in self.ids])
        ids = np.concatenate(self.ids).astype(np.int32)
        firsts = np.cumsum(sizes) - sizes
        counts = np.asarray([len(spans) for spans in self.spans]) // 2
        edges = np.concatenate(self.spans).reshape(-1, 2).astype(np.int64)
        edges -= np.repeat(np.asarray(self.starts), counts)[:, None]
        # The first token is not trained: it would be predicted from nothing, or from another document.
        first = np.repeat(firsts, counts)
        begin = first + np.maximum(edges[:, 0], 1)
        end = first + np.minimum(edges[:, 1], np.repeat(sizes, counts))
        inside = begin < end
        steps = np.zeros(len(ids) + 1, dtype=np.int32)
        np.add.at(steps, begin[inside], 1)
        np.add.at(steps, end[inside], -1)
        labels = np.where(np.cumsum(steps[:-1]) > 0, ids, np.int32(IGNORED))
        documents = np.concatenate([[0], np.cumsum(self.rows)])
        bounds = np.concatenate([[0], np.cumsum(sizes)])[documents]
        return ids, labels, bounds, sizes.astype(np.int32), documents


def _document(sources: list[Tokens], uses: Uses, bins: Bins, piece: int) -> tuple[Array, Array, int]:
    use = int(bins.rows[piece])
    source, row = sources[int(uses.source[use])], int(uses.row[use])
    start, stop = int(uses.start[use]), int(uses.stop[use])
    if isinstance(bins, Cuts):
        start, stop = start + int(bins.start[piece]), start + int(bins.stop[piece])
    return source.list_of("ids", row)[start:stop], source.list_of("spans", row), start


def _write_answers(
    folder: Path,
    sources: list[Tokens],
    uses: Uses,
    job: PrepareJob,
    written: Written,
    tell: Callable[[int], None],
) -> None:
    names = ("completion",) if job.method == "kto" else ("chosen", "rejected")
    kinds = {"prompt_ids": "ids"} | {f"{name}_ids": "ids" for name in names} | {"prompt": "text"}
    kinds |= dict.fromkeys(names, "text") | ({"label": "label"} if job.method == "kto" else {})
    with arrow.DatasetWriter(folder, kinds) as writer:
        for first in range(0, len(uses), ROWS):
            chosen = range(first, min(first + ROWS, len(uses)))
            rows = [sources[int(uses.source[n])].answers(int(uses.row[n])) for n in chosen]
            rooms = [max(int(uses.stop[n]) - len(row.prompt), 0) for n, row in zip(chosen, rows, strict=True)]
            columns: dict[str, Any] = {"prompt_ids": [row.prompt for row in rows]}
            for at, name in enumerate(names):
                columns[f"{name}_ids"] = [
                    row.answers[at][:room] for row, room in zip(rows, rooms, strict=True)
                ]
                written.trained += sum(map(len, columns[f"{name}_ids"]))
            for parts in columns.values():
                for part in parts:
                    written.seen[part] = True
            made = {name: arrow.ragged(*_int32(parts)) for name, parts in columns.items()}
            made["prompt"] = arrow.texts([row.prompt_text for row in rows])
            for at, name in enumerate(names):
                made[name] = arrow.texts([row.answer_texts[at] for row in rows])
            if job.method == "kto":
                made["label"] = arrow.labels([bool(row.label) for row in rows])
            writer.write(made)
            tell(writer.rows)
            for source in sources:
                source.release()
        written.rows = writer.rows


def _int32(parts: list[Array]) -> tuple[Array, Array]:
    values, bounds = joined(parts)
    return values.astype(np.int32), bounds
