"""A job's losses, step by step, are those of the plain script that one would write with TRL for the same rows.

The script is given text, and makes of it what TRL makes of text: its tokens, its mask, its batches, its reference and its
loss. Ours is given what a prepare job leaves. The order of rows is ours.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
import torch
from compiled import DPO, KTO, LORA, chat_rows, losses, pair_rows, unpaired_rows
from peft import LoraConfig
from transformers import AutoModelForCausalLM
from trl import DPOConfig, DPOTrainer, KTOConfig, KTOTrainer, SFTConfig, SFTTrainer
from trl.experimental.cpo import CPOConfig, CPOTrainer
from trl.experimental.orpo import ORPOConfig, ORPOTrainer

from smolc.runtime.train import steps

STEPS = 12
ORPO = {"type": "orpo", "beta": 0.1}
SIMPO = {"type": "simpo", "beta": 2.0, "gamma": 1.0}

PLAIN = {
    "seed": 3,
    "max_steps": STEPS,
    "learning_rate": 3e-3,
    "lr_scheduler_type": "cosine",
    "warmup_steps": 2,
    "weight_decay": 0.01,
    "adam_beta2": 0.95,
    "max_grad_norm": 1.0,
    "bf16": False,
    "use_cpu": True,
    "logging_steps": 1,
    "save_strategy": "no",
    "report_to": "none",
    "train_sampling_strategy": "sequential",
}


def chats(tokenizer: Any, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Prompt and completion, as text."""
    out = []
    for row in rows:
        start = next(i for i, label in enumerate(row["labels"]) if label != -100)
        ids = row["input_ids"]
        out.append({"prompt": tokenizer.decode(ids[:start]), "completion": tokenizer.decode(ids[start:])})
    return out


def texts(_: Any, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if not name.endswith("_ids")} for row in rows]


WAYS = [
    pytest.param({}, chat_rows, chats, SFTTrainer, SFTConfig, {}, id="sft"),
    pytest.param({"method": "dpo", "loss": DPO}, pair_rows, texts, DPOTrainer, DPOConfig, {"beta": 0.1}, id="dpo"),
    pytest.param(
        {"method": "dpo", "loss": DPO | {"loss": ["apo_zero"]}},
        pair_rows, texts, DPOTrainer, DPOConfig, {"beta": 0.1, "loss_type": ["apo_zero"]}, id="apo_zero",
    ),
    pytest.param({"method": "kto", "loss": KTO}, unpaired_rows, texts, KTOTrainer, KTOConfig, {"beta": 0.1}, id="kto"),
    pytest.param({"method": "orpo", "loss": ORPO}, pair_rows, texts, ORPOTrainer, ORPOConfig, {"beta": 0.1}, id="orpo"),
    pytest.param(
        {"method": "simpo", "loss": SIMPO},
        pair_rows, texts, CPOTrainer, CPOConfig,
        {"beta": 2.0, "simpo_gamma": 1.0, "loss_type": "simpo", "cpo_alpha": 0.0}, id="simpo",
    ),
]  # fmt: skip


@pytest.mark.parametrize("lora", [False, True], ids=["full", "lora"])
@pytest.mark.parametrize(("said", "rows", "text", "trainer", "config", "of_loss"), WAYS)
def test_the_curve_is_that_of_the_script(
    said: dict[str, Any], rows: Any, text: Any, trainer: Any, config: Any, of_loss: dict[str, Any], lora: bool,
    train: Callable[..., Path], tokenizer: Any, tmp_path: Path,
) -> None:  # fmt: skip
    # TRL's ORPO weighs the tokens of a short micro batch more, ours those of a step alike: there a step is one micro batch.
    micro = 4 if trainer is ORPOTrainer else 2
    batch = {"global_sequences": 4, "micro": micro, "accumulation": 4 // micro, "data_parallel": 1}
    length = {"duration": {"epochs": None, "steps": STEPS, "tokens": None}}
    schedule = {"schedule": {"type": "cosine", "warmup": 2, "floor": 0.0, "decay": None}}
    adapter = {"adapter": LORA | {"scaling": "rank"}} if lora else {}
    folder = train(rows, batch=batch, **length, **schedule, **adapter, **said)
    ours = losses(folder, "sft")

    order = steps.row_order(steps.Length(STEPS, 30, 4), 3)
    plain = text(tokenizer, rows(tokenizer, 30))
    script = trainer(
        model=AutoModelForCausalLM.from_pretrained(folder / "out/base/model", dtype=torch.float32),
        args=config(
            output_dir=str(tmp_path / "trl"),
            per_device_train_batch_size=micro,
            gradient_accumulation_steps=4 // micro,
            **PLAIN,
            **of_loss,
        ),
        train_dataset=datasets.Dataset.from_list([plain[int(i)] for i in order]),
        processing_class=tokenizer,
        peft_config=LoraConfig(r=4, lora_alpha=8.0, target_modules="all-linear", task_type="CAUSAL_LM") if lora else None,
    )  # fmt: skip
    script.train()
    theirs = [row["loss"] for row in script.state.log_history if "loss" in row]
    print(json.dumps({"ours": ours, "theirs": theirs}))
    assert len(ours) == STEPS and np.ptp(ours) > 0.01
    np.testing.assert_allclose(ours, theirs, rtol=1e-4)
