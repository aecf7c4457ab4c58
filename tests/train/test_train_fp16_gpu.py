"""fp16 on a GPU: the losses of fp32, whichever loss it is."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from compiled import DPO, KTO, LORA, chat_rows, losses, pair_rows, unpaired_rows

pytestmark = [
    pytest.mark.slow,
    pytest.mark.long,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"),
]
BATCH = {"global_sequences": 4, "micro": 2, "accumulation": 2, "data_parallel": 1}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        pytest.param(chat_rows, {}, id="sft"),
        pytest.param(chat_rows, {"packed": True, "kernels": "auto"}, id="sft-packed"),
        pytest.param(chat_rows, {"adapter": LORA}, id="sft-lora"),
        pytest.param(pair_rows, {"method": "dpo", "loss": DPO}, id="dpo"),
        pytest.param(unpaired_rows, {"method": "kto", "loss": KTO}, id="kto"),
        pytest.param(pair_rows, {"method": "orpo", "loss": {"type": "orpo", "beta": 0.1}}, id="orpo"),
    ],
)
def test_fp16_has_the_losses_of_fp32(
    rows: Callable[..., Any], said: dict[str, Any], train: Callable[..., Path]
) -> None:
    common = {"device": "cuda", "duration": {"epochs": None, "steps": 8, "tokens": None}, "batch": BATCH}
    found = []
    for precision in ("fp32", "fp16"):
        folder = train(rows, **common | said, precision=precision)
        found.append(losses(folder, "sft"))
        shutil.rmtree(folder / "out" / "sft")
    assert found[1] == pytest.approx(found[0], rel=2e-3) and found[0][-1] != pytest.approx(found[0][0])
