"""Whether the documents of a packed row are kept apart, tried on the model itself before the first step.

Some models build their mask without the positions that say where a document begins, and then a document silently sees
those before it (in transformers 5.23 gpt-oss, AFMoE and OPT under a mask, Bloom and MPT always). So two documents go through
the model as it was built: once packed, once alone. The first tells the noise, the second whether it saw the first.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from transformers import TrainerCallback

from smolc.runtime.jobs.errors import JobError
from smolc.runtime.train.diverged import BROKEN_FROM_THE_START, Diverged
from smolc.runtime.train.rows import Collator

TOKENS = 61
"""Of each document; no multiple of anything that a model may count tokens in."""
SEARCHED = 64
"""Rows: the first of them with two documents is taken."""
EXACT, HALF = 1e-3, 3e-2
"""Relative differences below are noise, in fp32 and in half precision. A document that sees another differs by 0.1 to 1."""


@dataclass(frozen=True)
class Apart:
    """Largest relative difference between the logits of any token in the row and alone. first: of the first document, which
    none comes before. second: of the one behind it."""

    first: float
    second: float

    def holds(self, *, half: bool) -> bool:
        return self.second <= max(HALF if half else EXACT, 5 * self.first)


def two_documents(rows: Iterable[dict[str, Any]]) -> list[list[int]] | None:
    """Parts of two neighbouring documents of at least two tokens, of packed rows or preferences; None if there are none."""
    before: list[list[int]] = []
    for row in rows:
        documents = _documents(row)
        for pair in pairwise([*before, *documents]):
            if min(map(len, pair)) > 1:
                return list(pair)
        before = [] if "seq_lengths" in row else documents[-1:]
    return None


def _documents(row: dict[str, Any]) -> list[list[int]]:
    if "seq_lengths" in row:
        documents = torch.tensor(row["input_ids"]).split(list(row["seq_lengths"]))
        return [document[:TOKENS].tolist() for document in documents]
    # Their ends: answers of a pair begin alike.
    answers = ("completion_ids",) if "completion_ids" in row else ("chosen_ids", "rejected_ids")
    return [(row["prompt_ids"] + row[name])[-TOKENS:] for name in answers]


def compare(model: Any, documents: list[list[int]], *, flat: bool, device: Any = "cpu") -> Apart:
    """On every process alike: sharded models compute together. Leaves the model as it was. device: that it computes on;
    offloaded weights lie elsewhere."""
    collate = Collator(0, flat=flat)
    was_training = model.training
    model.eval()
    try:
        with torch.no_grad(), torch.compiler.set_stance("force_eager"):
            row, *alone = (
                _logits(model, collate, some, device) for some in (documents, *([d] for d in documents))
            )
    finally:
        model.train(was_training)
    parts = row.split([len(document) for document in documents])
    return Apart(*(_difference(part, other) for part, other in zip(parts, alone, strict=True)))


def _logits(model: Any, collate: Collator, documents: list[list[int]], device: Any) -> torch.Tensor:
    """(tokens, vocabulary), of documents packed into one row."""
    ids = [token for document in documents for token in document]
    batch = collate(
        [{"input_ids": ids, "labels": ids, "seq_lengths": [len(document) for document in documents]}]
    )
    del batch["labels"]
    moved = {name: x.to(device) if isinstance(x, torch.Tensor) else x for name, x in batch.items()}
    logits: torch.Tensor = model(**moved, use_cache=False).logits
    return logits[0].float()


def _difference(row: torch.Tensor, alone: torch.Tensor) -> float:
    return float(((row - alone).norm(dim=-1) / alone.norm(dim=-1).clamp(min=1e-12)).max())


class KeepsApart(TrainerCallback):  # type: ignore[misc]
    """Compares at the start of training, when the model is sharded, cast and on its device. rows: packed ones, or
    preferences, which are laid end to end. kind: the attention."""

    def __init__(self, rows: Any, *, kind: str, flat: bool, half: bool) -> None:
        self.documents = two_documents(rows[i] for i in range(min(len(rows), SEARCHED)))
        self.kind, self.flat, self.half = kind, flat, half
        packed = "seq_lengths" in rows[0]
        self.rows = "the rows are packed" if packed else "answers are laid end to end"
        self.instead = (
            f"write {'packing = none(length = ...)' if packed else 'attention = sdpa'} in the stage"
        )

    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        """Raises JobError if a document sees the one before it."""
        if self.documents is None:
            return
        found = compare(model, self.documents, flat=self.flat, device=args.device)
        if not (math.isfinite(found.first) and math.isfinite(found.second)):
            # The mask has no part in it: packed and alone, the model says nothing.
            why = "what the model answers is no number before it is trained"
            raise Diverged(why, state.global_step, help=BROKEN_FROM_THE_START)
        if not found.holds(half=self.half):
            raise JobError(
                f"{self.rows}, and with attention = {self.kind} this model lets a document see those before it in "
                f"its row: its logits differ by {found.second:.0%} from those of the document alone",
                help=self.instead,
            )
