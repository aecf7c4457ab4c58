"""A compiled folder with a tiny model that babbles, for the tests of the chat."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from job_bodies import EVALUATE, TRAIN

from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.manifest import read_job, read_manifest
from smolc.runtime.jobs.model import ScratchModel
from smolc.runtime.train.resume import made_from, mark
from smolc.runtime.train.scratch import bytes_tokenizer, scratch_model
from smolc.runtime.train.seal import COMPLETE

SPECIAL = ("<pad>", "<|im_start|>", "<|im_end|>")
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def babbling(seed: int, context: int = 256) -> Any:
    """Random weights of a size that says something else after each prompt."""
    spec = ScratchModel(
        type="scratch", architecture="llama", layers=1, hidden=32, heads=4, kv_heads=2, intermediate=64,
        context=context,
    )  # fmt: skip
    model = scratch_model(spec, bytes_tokenizer(SPECIAL, context), seed, torch.float32)
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(5.0)
    return model


def folder_of(path: Path, end_of_turn: str = "<|im_end|>", thinking: Any = None, context: int = 256) -> Path:
    """base and sft, with its checkpoints of steps 10 and 20, asked in ChatML."""
    spec = {"file": "templates/chat.jinja", "end_of_turn": end_of_turn, "thinking": thinking, "kwargs": {}}
    (path / "templates").mkdir(parents=True)
    (path / "templates/chat.jinja").write_text(CHATML)
    entries = []
    subjects = [{"name": "sft", "job": "sft", "template": spec, "tokenizer": "data"}]
    model = {
        "kind": "model", "id": "base", "title": "", "stage": None, "needs": [], "seed": 1, "device": "cpu",
        "source": {"type": "path", "path": "base"}, "tokenizer": {"type": "own"}, "dtype": "fp32",
        "trust_remote_code": False,
    }  # fmt: skip
    for job in (model, TRAIN, {**EVALUATE, "subjects": subjects}):
        (path / "jobs" / job["id"]).mkdir(parents=True)
        (path / "jobs" / job["id"] / "job.yaml").write_text(json.dumps(job))
        entries.append(
            {key: job[key] for key in ("id", "kind", "title", "stage", "needs")} | {"hash": job["id"]}
        )
    cluster = {"name": "here", "device": "cpu", "nodes": 1, "processes": 1, "parallel_jobs": 1}
    about = {
        "smolc": "0",
        "edition": 1,
        "recipe": "r",
        "about": "",
        "hash": "",
        "root": ".",
        "cluster": cluster,
    }
    (path / "manifest.json").write_text(json.dumps({**about, "jobs": entries}))
    tokenizer = bytes_tokenizer(SPECIAL, context)
    tokenizer.save_pretrained(path / "out/data/tokenizer")
    for seed, job_id in enumerate(("base", "sft")):
        out = path / "out" / job_id
        babbling(seed, context).save_pretrained(out / "model")
        tokenizer.save_pretrained(out / "model")
        (out / "result.json").write_text(json.dumps({"model": {"out": f"{job_id}/model"}, "steps": 30}))
        (out / "done.json").write_text(json.dumps({"hash": job_id, "needs": {}, "inputs": {}, "seconds": 1}))
    kept = path / "out/sft/checkpoints"
    for step in (10, 20):
        babbling(step, context).save_pretrained(kept / f"checkpoint-{step}")
        (kept / f"checkpoint-{step}" / COMPLETE).touch()
    origin = made_from(Context(path, read_manifest(path), read_job(path, "sft")))
    mark(kept, origin)
    return path
