"""The columns that the trainers take, from rows of tokens.

cpt, sft: `input_ids`, `labels` (-100 where nothing is trained), and for packed rows `seq_lengths`, the
lengths of the documents in a row. dpo, orpo: `prompt_ids`, `chosen_ids`, `rejected_ids`; kto: `prompt_ids`,
`completion_ids`, `label`; each with the same as text (`prompt`, ...).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from smolc.runtime.data.encode import Answered, Encoded
from smolc.runtime.data.packing import Piece, best_fit, wrapped
from smolc.runtime.data.shuffle import permutation
from smolc.runtime.jobs.prepare import PrepareJob

Array = np.ndarray[Any, Any]
Columns = dict[str, Any]


def columns_of(items: list[Any], job: PrepareJob) -> tuple[Columns, int]:
    """Columns for `arrow.write_dataset`, and the number of trained tokens in them."""
    if isinstance(items[0], Answered):
        return _answers(items, job), sum(len(answer) for item in items for answer in item.answers)
    columns = _documents(items, job)
    return columns, sum(int(np.count_nonzero(labels != -100)) for labels in columns["labels"])


def _answers(items: list[Answered], job: PrepareJob) -> Columns:
    names = ("completion",) if job.method == "kto" else ("chosen", "rejected")
    columns: Columns = {"prompt_ids": [item.prompt for item in items]}
    columns |= {f"{name}_ids": [item.answers[n] for item in items] for n, name in enumerate(names)}
    columns["prompt"] = [item.prompt_text for item in items]
    columns |= {name: [item.answer_texts[n] for item in items] for n, name in enumerate(names)}
    if job.method == "kto":
        columns["label"] = [bool(item.label) for item in items]
    return columns


def _documents(items: list[Encoded], job: PrepareJob) -> Columns:
    bins = _bins([len(item.ids) for item in items], job)
    labels = [np.where(item.trained, item.ids, np.int32(-100)) for item in items]
    columns: Columns = {
        "input_ids": [np.concatenate([items[n].ids[a:b] for n, a, b in pieces]) for pieces in bins],
        "labels": [np.concatenate([_without_first(labels[n][a:b]) for n, a, b in pieces]) for pieces in bins],
    }
    if job.packing != "none":
        columns["seq_lengths"] = [np.asarray([b - a for _, a, b in pieces]) for pieces in bins]
    return columns


def _bins(lengths: list[int], job: PrepareJob) -> list[list[Piece]]:
    if job.packing == "wrapped":
        return wrapped(lengths, job.length)
    if job.packing == "none":
        return [[(n, 0, length)] for n, length in enumerate(lengths)]
    bins = best_fit(lengths, job.length)
    # They come fullest and longest rows first; training on them in that order would be a curriculum.
    order = permutation(len(bins), job.seed, "bins").tolist()
    return [[(n, 0, lengths[n]) for n in bins[number]] for number in order]


def _without_first(labels: Array) -> Array:
    """The first token of a document would be predicted from nothing, or in a bin from the document before."""
    if labels[0] == -100:
        return labels
    return np.concatenate([np.asarray([-100], dtype=np.int32), labels[1:]])
