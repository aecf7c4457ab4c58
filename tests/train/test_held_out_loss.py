"""A held-out loss does not depend on how its rows are cut into batches, also where it is a mean over tokens."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from compiled import DPO, context_of, pair_rows

CPO = {"type": "cpo", "loss": "sigmoid", "beta": 0.1, "alpha": 1.0, "label_smoothing": 0.0}
LOSSES = {
    "dpo": DPO | {"loss": ["sigmoid", "sft"], "weights": [1.0, 2.0]},
    "orpo": {"type": "orpo", "beta": 0.5},
    "cpo": CPO,
}


def uneven(tokenizer: Any, count: int) -> list[dict[str, Any]]:
    """Answers of 5 to 35 tokens: a mean of batches' means is far from one of all tokens."""
    rows = pair_rows(tokenizer, count)
    for i, row in enumerate(rows):
        row["chosen_ids"] = row["chosen_ids"][:5] * (1 + i * i % 7)
    return rows


@pytest.mark.parametrize("method", LOSSES)
def test_the_held_out_loss_is_that_of_any_micro_batch(method: str, train: Callable[..., Path]) -> None:
    from smolc.runtime.train import run

    said: dict[str, Any] = {"method": method, "loss": LOSSES[method]}
    said["duration"] = {"epochs": None, "steps": 2, "tokens": None}
    found = []
    for micro in (1, 2, 4):
        batch = {"global_sequences": 4, "micro": micro, "accumulation": 4 // micro, "data_parallel": 1}
        folder = train(uneven, **said, batch=batch, go=False)
        shutil.rmtree(folder / "out" / "sft", ignore_errors=True)
        run.run(context_of(folder, "sft"))
        found.append(json.loads((folder / "out/sft/result.json").read_text(encoding="utf-8"))["eval_loss"])
    assert found[1:] == pytest.approx([found[0]] * 2, rel=1e-5)
