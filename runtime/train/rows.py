"""Prepared rows: loading them, counting their tokens, and putting them into batches."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import datasets
import numpy as np
import torch

from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.prepare import PAIRED, Method
from smolc.runtime.train.flat import Fixed, lay_out
from smolc.runtime.train.head import shifted
from smolc.runtime.train.linear_loss import IGNORED

COLUMNS: dict[Method, tuple[str, ...]] = {
    "cpt": ("input_ids", "labels"),
    "sft": ("input_ids", "labels"),
    **dict.fromkeys(PAIRED, ("prompt_ids", "chosen_ids", "rejected_ids")),
    "kto": ("prompt_ids", "completion_ids", "label"),
}

Targets = Literal["none", "picked", "all"]
Ints = np.ndarray[Any, np.dtype[np.int64]]
Tensors = list[torch.Tensor]


def load_rows(folder: Path, method: Method) -> datasets.Dataset | None:
    """A data set that a prepare job saved, with only the columns that training reads; None if there is none.

    Raises JobError if a column is missing.
    """
    if not folder.is_dir():
        return None
    rows = datasets.load_from_disk(str(folder))
    needed = COLUMNS[method]
    missing = [name for name in needed if name not in rows.column_names]
    if missing:
        raise JobError(
            f"{folder.parent.name}/{folder.name} has no column {', '.join(missing)}, which {method} needs"
        )
    kept = [*needed, *(name for name in ("seq_lengths",) if name in rows.column_names)]
    return rows.select_columns(kept)


@dataclass(frozen=True)
class Counts:
    """Per row: tokens that the model reads, and tokens that the loss is on."""

    tokens: Ints
    trained: Ints


def count_tokens(rows: datasets.Dataset, method: Method) -> Counts:
    """For preference pairs the prompt counts twice: it is read once with each answer."""
    if len(rows) == 0:
        none = np.zeros(0, dtype=np.int64)
        return Counts(none, none)
    rows = rows.flatten_indices() if rows._indices is not None else rows
    if method in ("cpt", "sft"):
        trained = []
        for chunk in rows.data.column("labels").chunks:
            offsets = chunk.offsets.to_numpy()
            is_trained = chunk.values.to_numpy(zero_copy_only=False)[offsets[0] : offsets[-1]] != IGNORED
            sums = np.concatenate([[0], np.cumsum(is_trained)])
            trained.append(np.diff(sums[offsets - offsets[0]]))
        return Counts(lengths_of(rows, "input_ids"), np.concatenate(trained).astype(np.int64))
    prompt = lengths_of(rows, "prompt_ids")
    if method == "kto":
        completion = lengths_of(rows, "completion_ids")
        return Counts(prompt + completion, completion)
    chosen, rejected = lengths_of(rows, "chosen_ids"), lengths_of(rows, "rejected_ids")
    return Counts(2 * prompt + chosen + rejected, chosen + rejected)


def sequences_of(rows: datasets.Dataset, method: Method) -> tuple[Ints, Ints]:
    """Lengths of the sequences that the model reads, row after row, and the bounds of each row in them.

    The documents of a packed row; of a preference pair the prompt with each answer. There has to be a row.
    """
    rows = rows.flatten_indices() if rows._indices is not None else rows
    if "seq_lengths" in rows.column_names:
        chunks = rows.data.column("seq_lengths").chunks
        counts = np.concatenate([np.diff(chunk.offsets.to_numpy()) for chunk in chunks])
        lengths = np.concatenate([chunk.flatten().to_numpy() for chunk in chunks]).astype(np.int64)
        return lengths, np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    if method in ("cpt", "sft"):
        each = [lengths_of(rows, "input_ids")]
    else:
        answers = ("completion_ids",) if method == "kto" else ("chosen_ids", "rejected_ids")
        each = [lengths_of(rows, "prompt_ids") + lengths_of(rows, name) for name in answers]
    return np.stack(each, axis=1).reshape(-1), np.arange(len(rows) + 1, dtype=np.int64) * len(each)


def lengths_of(rows: datasets.Dataset, name: str) -> Ints:
    """Of a column of lists. The rows are as they lie."""
    chunks = rows.data.column(name).chunks
    return np.concatenate([np.diff(chunk.offsets.to_numpy()) for chunk in chunks]).astype(np.int64)


def fill_up(rows: datasets.Dataset, multiple: int, pad: int) -> datasets.Dataset:
    """Append rows without any trained token until their number is a multiple of `multiple`.

    Otherwise several devices would evaluate some rows twice, to have equally many batches.
    """
    missing = -len(rows) % multiple
    if missing == 0:
        return rows
    empty: dict[str, Any] = {"input_ids": [pad, pad], "labels": [IGNORED, IGNORED]}
    if "seq_lengths" in rows.column_names:
        empty["seq_lengths"] = [2]
    filler = datasets.Dataset.from_list([empty] * missing, features=rows.features)
    return datasets.concatenate_datasets([rows, filler])


def _positions(lengths: list[int]) -> torch.Tensor:
    return torch.cat([torch.arange(n) for n in lengths])


@dataclass
class Collator:
    """Batches of prepared rows for cpt and sft.

    flat: all sequences one after another in one row of shape (1, tokens), with `cu_seq_lens_*` for kernels
    that take variable lengths; no padding at all. Otherwise one row each, (rows, longest), padded on the
    right: with an attention mask if a row is one sequence, with position ids alone if it holds several (a
    mask would switch off transformers' detection of packed rows, and they would see each other).

    The first token of a sequence is never trained: nothing predicts it. fixed: the shape of flat batches. targets: what
    our own loss takes, see head.py; `picked` are those that are trained. parts: where devices share rows, what their
    length has to be a multiple of; such batches have no mask, and `shift_labels` beside the labels, since a part of a row
    does not have the token after its last one.
    """

    pad: int
    flat: bool
    fixed: Fixed | None = None
    targets: Targets = "none"
    parts: int = 1

    def __call__(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        packed = "seq_lengths" in rows[0]
        ids = [torch.tensor(row["input_ids"]) for row in rows]
        labels = [torch.tensor(row["labels"]) for row in rows]
        lengths = [row["seq_lengths"] if packed else [len(row["input_ids"])] for row in rows]
        positions = [_positions(n) for n in lengths]
        for label, position in zip(labels, positions, strict=True):
            label[position == 0] = IGNORED
        if self.flat:
            flat = [n for row in lengths for n in row]
            return self._with_targets(lay_out(ids, labels, flat, self.pad, self.fixed))
        if self.parts > 1:
            return self._divisible(ids, labels, positions)
        batch: dict[str, Any] = {"input_ids": _pad(ids, self.pad), "labels": _pad(labels, IGNORED)}
        if packed:
            # Padding has position 0 throughout: each pad is a sequence of its own.
            batch["position_ids"] = _pad(positions, 0)
        else:
            batch["attention_mask"] = _pad([torch.ones_like(row) for row in ids], 0)
        return self._with_targets(batch)

    def _divisible(self, ids: Tensors, labels: Tensors, positions: Tensors) -> dict[str, Any]:
        padded = _pad(labels, IGNORED, self.parts)
        return {
            "input_ids": _pad(ids, self.pad, self.parts),
            "labels": padded,
            "shift_labels": torch.nn.functional.pad(padded, (0, 1), value=IGNORED)[:, 1:],
            "position_ids": _pad(positions, 0, self.parts),
        }

    def _with_targets(self, batch: dict[str, Any]) -> dict[str, Any]:
        if self.targets != "none":
            batch |= shifted(batch["labels"], pick=self.targets == "picked")
        return batch


def _pad(rows: Tensors, value: int, multiple: int = 1) -> torch.Tensor:
    padded = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=value)
    return torch.nn.functional.pad(padded, (0, -padded.shape[1] % multiple), value=value)
