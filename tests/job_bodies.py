"""Bodies of jobs as a compiled folder holds them, for folders that tests write by hand."""

from __future__ import annotations

from typing import Any

TRAIN: dict[str, Any] = {
    "kind": "train", "id": "sft", "title": "", "stage": "sft", "needs": ["base"], "seed": 1, "device": "cpu",
    "method": "sft", "init": "base", "data": "data", "loss": {"type": "cross_entropy", "neftune": None},
    "adapter": {"type": "full"}, "length": 64, "packing": "none",
    "batch": {"global_sequences": 1, "micro": 1, "accumulation": 1, "data_parallel": 1},
    "duration": {"epochs": None, "steps": 30, "tokens": None},
    "optimizer": {
        "type": "adamw", "lr": 1e-3, "betas": [0.9, 0.9], "eps": 1e-8, "weight_decay": 0.0, "clip": 1.0,
    },
    "schedule": {"type": "constant", "warmup": 0, "floor": 1.0, "decay": None}, "precision": "fp32",
    "parallel": {"type": "ddp"}, "attention": "auto", "kernels": "auto", "checkpointing": False, "log_every": 1,
    "evaluate_every": None, "save_every": {"steps": 10, "fraction": None}, "keep": 3, "trust_remote_code": False,
}  # fmt: skip
EVALUATE: dict[str, Any] = {
    "id": "final", "title": "", "stage": None, "needs": [], "seed": 1, "device": "cpu", "kind": "evaluate",
    "role": "test", "tasks": [], "strip_thinking": None, "strip": True, "batch": 3, "checkpoints": False,
    "run_code": False, "judge": None, "engine": "transformers", "processes": 1, "precision": "fp32",
    "decode": {"temperature": 0.0, "top_p": 1.0, "max_new": 12}, "trust_remote_code": False,
}  # fmt: skip
