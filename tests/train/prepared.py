"""Trainers that a training job really built, as they stand before their first step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from compiled import (
    LORA,
    MODEL,
    SPECIAL,
    TRAIN,
    chat_rows,
    context_of,
    finished,
    pack,
    pair_rows,
    unpaired_rows,
    write_folder,
    write_rows,
)

from smolc.runtime.jobs.prepare import PAIRED
from smolc.runtime.train import run, start
from smolc.runtime.train.faithful.check import Check
from smolc.runtime.train.faithful.seen import Seen
from smolc.runtime.train.scratch import bytes_tokenizer

TOKENIZER = bytes_tokenizer(SPECIAL, 128)
PREFERRED = {"beta": 0.1, "reference": "base"}
JOBS: dict[str, dict[str, Any]] = {
    "sft": {},
    "bf16": {"precision": "bf16", "checkpointing": True},
    "pure": {"precision": "bf16_pure"},
    "packed": {"packing": "best_fit"},
    "lora": {"adapter": LORA | {"targets": ["q_proj", "v_proj"], "dropout": 0.1}},
    "dpo": {
        "method": "dpo",
        "loss": PREFERRED
        | {"type": "dpo", "loss": ["sigmoid", "sft"], "weights": [1.0, 0.5], "label_smoothing": 0.0},
    },
    "dpo_options": {
        "method": "dpo",
        "loss": PREFERRED
        | {"type": "dpo", "loss": ["discopop"], "weights": None, "label_smoothing": 0.0}
        | {"ld_alpha": 0.5, "divergence": "alpha", "divergence_alpha": 0.3, "wpo": True, "discopop_tau": 0.1},
    },
    "orpo": {"method": "orpo", "loss": {"type": "orpo", "beta": 0.2}},
    "cpo": {
        "method": "cpo",
        "loss": {"type": "cpo", "loss": "sigmoid", "beta": 0.2, "alpha": 0.7, "label_smoothing": 0.1},
    },
    "simpo": {"method": "simpo", "loss": {"type": "simpo", "beta": 2.0, "gamma": 1.0}},
    "kto": {
        "method": "kto",
        "loss": PREFERRED | {"type": "kto", "desirable_weight": 1.5, "undesirable_weight": 1.0},
    },
}


class Stopped(Exception):
    def __init__(self, seen: Seen) -> None:
        self.seen = seen


def rows_for(name: str, count: int) -> list[dict[str, Any]]:
    """What the job `name` of JOBS learns from."""
    kinds = dict.fromkeys(PAIRED, pair_rows) | {"kto": unpaired_rows}
    return kinds.get(JOBS[name].get("method", ""), chat_rows)(TOKENIZER, count)


def stop(check: Check, trainer: Any, batches: list[Any], items: Any) -> None:
    raise Stopped(Seen(check.asked, trainer, batches, items))


def prepared(folder: Path, name: str) -> Seen:
    """Runs the job `name` of JOBS up to its first step."""
    said = JOBS[name]
    write_folder(folder, MODEL, TRAIN | said)
    start.run(context_of(folder, "base"))
    rows = rows_for(name, 40)
    write_rows(folder, TOKENIZER, pack(rows, 64) if name == "packed" else rows, [])
    finished(folder, "base")
    finished(folder, "data")
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Stopped) as caught:
        patch.setattr(Check, "__call__", stop)
        run.run(context_of(folder, "sft"))
    return caught.value.seen
