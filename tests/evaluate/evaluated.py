"""Small compiled folders with tiny real models, for the tests of evaluation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.evaluate import EvaluateJob
from smolc.runtime.jobs.manifest import Manifest
from smolc.runtime.jobs.model import ScratchModel
from smolc.runtime.train.scratch import bytes_tokenizer, scratch_model

SPECIAL = ("<pad>", "<|im_start|>", "<|im_end|>")
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
TEMPLATE = {"file": "templates/chatml.jinja", "end_of_turn": "<|im_end|>", "thinking": None, "kwargs": {}}
WORDS = ["sun", "river", "a", "mountains", "tea", "window", "go", "philosophy"]


def save_model(
    folder: Path, job: str, seed: int = 1, layers: int = 1, hidden: int = 32, sharpness: float = 1.0
) -> Any:
    """A random Llama with a tokenizer of bytes, as a model job leaves it. Returns the model."""
    tokenizer = bytes_tokenizer(SPECIAL, 256)
    spec = ScratchModel(
        type="scratch",
        architecture="llama",
        layers=layers,
        hidden=hidden,
        heads=4,
        kv_heads=2,
        intermediate=2 * hidden,
        context=256,
    )
    model = scratch_model(spec, tokenizer, seed, torch.float32)
    # Weights of this size say something else after each prompt; freshly made ones repeat one token.
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(sharpness)
    out = folder / "out" / job
    model.save_pretrained(out / "model")
    tokenizer.save_pretrained(out / "model")
    (out / "result.json").write_text(json.dumps({"model": {"out": f"{job}/model"}}))
    return model


def own_task(**changes: Any) -> dict[str, Any]:
    return {
        "type": "own",
        "name": "words",
        "location": {"type": "files", "paths": ["words.jsonl"]},
        "format": {"type": "prompt_completion", "prompt": "question", "completion": "answer"},
        "where": None,
        "system": None,
        "subset": None,
        "strata": None,
        "pass_at": [],
        "extract": {"type": "whole", "marker": None},
        "avg": 1,
        "max_new": None,
        **changes,
    }


def subject(name: str, **changes: Any) -> dict[str, Any]:
    return {"name": name, "job": name, "template": TEMPLATE, "tokenizer": None, **changes}


def compiled(
    folder: Path, tasks: list[dict[str, Any]], subjects: list[dict[str, Any]], **job: Any
) -> Context:
    """The context of an evaluate job; rows are in `words.jsonl` unless the test writes its own."""
    (folder / "templates").mkdir(exist_ok=True)
    (folder / "templates" / "chatml.jinja").write_text(CHATML)
    if not (folder / "words.jsonl").exists():
        write_rows(folder, [{"question": f"Reverse {w}", "answer": w[::-1]} for w in WORDS])
    manifest = Manifest(
        smolc="0", edition=1, recipe="r", about="", hash="h", root=".", jobs=(),
        cluster={"name": "local", "device": "cpu", "nodes": 1, "processes": 1, "parallel_jobs": 1},
    )  # fmt: skip
    fields = {
        "id": "final", "title": "t", "stage": None, "needs": [], "seed": 1, "device": "cpu",
        "kind": "evaluate", "role": "test", "subjects": subjects, "tasks": tasks,
        "strip_thinking": None, "strip": True, "batch": 3, "checkpoints": False, "run_code": False,
        "judge": None, "engine": "transformers", "processes": 1,
        "decode": {"temperature": 0.0, "top_p": 1.0, "max_new": 12}, "precision": "fp32",
        "trust_remote_code": False, **job,
    }  # fmt: skip
    return Context(folder, manifest, EvaluateJob.model_validate(fields))


def write_rows(folder: Path, rows: list[dict[str, Any]]) -> None:
    (folder / "words.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def outputs(context: Context) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """results.json and samples.jsonl."""
    lines = (context.out / "samples.jsonl").read_text().splitlines()
    return json.loads((context.out / "results.json").read_text()), [json.loads(line) for line in lines]
