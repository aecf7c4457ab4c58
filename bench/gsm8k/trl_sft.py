"""A plain SFT script as one would write it with TRL: what compare.py compares smolc with.

    python bench/gsm8k/trl_sft.py MODEL train.jsonl OUT [--lora] [--seed 0] [--epochs 3]

Prompt and completion as a conversation, loss on the completion (TRL's default for such rows), 32 rows an update, bf16.
What is not said is TRL's default.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import LoraConfig
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import SFTConfig, SFTTrainer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path)
    parser.add_argument("rows", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--lora", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=float, default=3)
    parser.add_argument("--cpu", action="store_true")
    options = parser.parse_args()

    rows = [json.loads(line) for line in options.rows.read_text(encoding="utf-8").splitlines()]
    chats = Dataset.from_list([chat(row) for row in rows])
    config = SFTConfig(
        output_dir=str(options.out / "checkpoints"),
        num_train_epochs=options.epochs,
        per_device_train_batch_size=32,
        learning_rate=1e-3 if options.lora else 1e-4,
        lr_scheduler_type="cosine",
        warmup_steps=0.05,
        weight_decay=0.0,
        max_grad_norm=1.0,
        bf16=not options.cpu,
        use_cpu=options.cpu,
        seed=options.seed,
        save_strategy="no",
        logging_steps=10,
        report_to="none",
    )
    lora = LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")
    trainer = SFTTrainer(
        model=AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.float32),
        args=config,
        train_dataset=chats,
        processing_class=AutoTokenizer.from_pretrained(options.model),
        peft_config=lora if options.lora else None,
    )
    began = time.monotonic()
    trainer.train()
    seconds = time.monotonic() - began
    model = trainer.model.merge_and_unload() if options.lora else trainer.model
    model.save_pretrained(options.out / "model")
    told = {"seconds": seconds, "steps": trainer.state.global_step}
    (options.out / "result.json").write_text(json.dumps(told))


def chat(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "prompt": [{"role": "user", "content": row["question"]}],
        "completion": [{"role": "assistant", "content": row["answer"]}],
    }


if __name__ == "__main__":
    main()
