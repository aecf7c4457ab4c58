"""Whether the reference model of a preference loss reads the same tokens as the model that is trained. One that has another
tokenizer would give its log-probabilities of other words, and nothing would tell."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from smolc.runtime.data.tokenizer import load_tokenizer
from smolc.runtime.jobs.context import Context, ModelAt
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.train import DpoLoss, KtoLoss, TrainJob

SHOWN = 3
IDS = "prompt_ids", "chosen_ids", "rejected_ids", "completion_ids"


def check_reference(context: Context, job: TrainJob, rows: Any) -> None:
    """rows: prepared ones. Every id that occurs in them has to be the same token in both tokenizers; raises JobError where
    one is not. A reference without a tokenizer is not checked, and that is said."""
    if not isinstance(job.loss, (DpoLoss, KtoLoss)) or job.loss.reference == job.init:
        return
    ours = load_tokenizer(ModelAt(str(context.out_of(job.data) / "tokenizer")), job.trust_remote_code)
    try:
        theirs = load_tokenizer(context.model_of(job.loss.reference), job.trust_remote_code)
    except JobError as error:
        if os.environ.get("RANK", "0") == "0":
            print(f"reference: not checked that it reads the same tokens: {error.message}", flush=True)
        return
    seen = ids_in(rows)
    pairs = zip(seen, ours.convert_ids_to_tokens(seen), tokens_of(theirs, seen), strict=True)
    others = [(n, a, b) for n, a, b in pairs if a != b]
    if not others:
        return
    shown = "\n  ".join(f"id {n} is {a!r}, there {b!r}" for n, a, b in others[:SHOWN])
    raise JobError(
        f"the reference model, of job {job.loss.reference}, has another tokenizer than the model that is trained: "
        f"{len(others):,} of the {len(seen):,} tokens in the rows are others there\n  {shown}",
        help="write a reference of the same family, or none: it is then the model that training starts from",
    )


def ids_in(rows: Any) -> list[int]:
    """All ids that occur, ascending."""
    seen = np.zeros(1 << 16, dtype=bool)
    for name in set(IDS).intersection(rows.column_names):
        for chunk in rows.data.column(name).chunks:
            ids = chunk.flatten().to_numpy()
            if len(ids) and ids.max() >= len(seen):
                seen = np.concatenate([seen, np.zeros(int(ids.max()) + 1 - len(seen), dtype=bool)])
            seen[ids] = True
    return [int(n) for n in np.flatnonzero(seen)]


def tokens_of(tokenizer: Any, ids: list[int]) -> list[str | None]:
    """None for ids that it does not have."""
    known = len(tokenizer)
    return [tokenizer.convert_ids_to_tokens(n) if n < known else None for n in ids]
