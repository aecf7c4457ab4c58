"""The columns that the trainers take, from rows of tokens.

cpt, sft: `input_ids`, `labels` (-100 where nothing is trained), and for packed rows `seq_lengths`, the
lengths of the documents in a row. dpo, orpo: `prompt_ids`, `chosen_ids`, `rejected_ids`; kto: `prompt_ids`,
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
        ids: list[Array] = []
        labels: list[Array] = []
        lengths: list[Array] = []
        held = documents = 0

        def flush() -> None:
            columns = {
                name: arrow.ragged(*joined(parts)) for name, parts in (("input_ids", ids), ("labels", labels))
            }
            if packed:
                columns["seq_lengths"] = arrow.ragged(*joined(lengths))
            writer.write(columns)
            tell(writer.rows)
            for parts in (ids, labels, lengths):
                parts.clear()

        for number in order.tolist():
            a, b = int(bins.bounds[number]), int(bins.bounds[number + 1])
            row = [_document(sources, uses, bins, piece) for piece in range(a, b)]
            ids.append(np.concatenate([part[0] for part in row]))
            labels.append(np.concatenate([part[1] for part in row]))
            lengths.append(np.asarray([len(part[0]) for part in row], dtype=np.int32))
            written.seen[ids[-1]] = True
            written.trained += int(np.count_nonzero(labels[-1] != IGNORED))
            held += len(ids[-1])
            documents += len(row)
            if documents >= SLICE:
                documents = 0
                for source in sources:
                    source.release()
            if len(ids) == ROWS or held >= TOKENS:
                flush()
                held = 0
        if ids:
            flush()
        written.rows = writer.rows


def _document(sources: list[Tokens], uses: Uses, bins: Bins, piece: int) -> tuple[Array, Array]:
    """ids and labels. The first token is not trained: it would be predicted from nothing, or from another document."""
    use = int(bins.rows[piece])
    source, row = sources[int(uses.source[use])], int(uses.row[use])
    start, stop = int(uses.start[use]), int(uses.stop[use])
    if isinstance(bins, Cuts):
        start, stop = start + int(bins.start[piece]), start + int(bins.stop[piece])
    ids = source.list_of("ids", row)[start:stop].astype(np.int32)
    labels = np.full(len(ids), IGNORED, dtype=np.int32)
    spans = source.list_of("spans", row).tolist()
    for first, after in zip(spans[::2], spans[1::2], strict=True):
        a, b = max(first - start, 1), after - start
        if a < b:
            labels[a:b] = ids[a:b]
    return ids, labels


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
