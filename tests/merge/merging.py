"""Compiled folders with models to merge: each is what a job `NAME` left, tiny and with random weights."""

from __future__ import annotations

import json
import shutil
from functools import cache
from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors.torch import load_file, save_file
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM

from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.manifest import read_job, read_manifest
from smolc.runtime.merge.run import run
from smolc.runtime.train.scratch import bytes_tokenizer

SPECIAL = ("<pad>", "<|im_start|>", "<|im_end|>")
TEMPLATE = "{% for m in messages %}{{ m.content }}<|im_end|>{% endfor %}"


@cache
def _tokenizer(special: tuple[str, ...]) -> Any:
    return bytes_tokenizer(special, 128)


def model(
    folder: Path,
    name: str,
    seed: int,
    dtype: torch.dtype = torch.bfloat16,
    special: tuple[str, ...] = SPECIAL,
    shard: str = "50GB",
    **config: Any,
) -> Path:
    """What a training job `name` leaves in the compiled folder; the model's folder."""
    out = folder / "out" / name / "model"
    tokenizer = _tokenizer(special)
    tokenizer.chat_template = TEMPLATE + "{# " + name + " #}"
    shape: dict[str, Any] = {
        "vocab_size": 264, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2,
        "num_attention_heads": 2, "num_key_value_heads": 1, "tie_word_embeddings": False,
    }  # fmt: skip
    torch.manual_seed(seed)
    made = LlamaForCausalLM(LlamaConfig(**(shape | config))).to(dtype)
    made.generation_config = GenerationConfig(eos_token_id=[seed, 258])
    made.save_pretrained(out, max_shard_size=shard)
    tokenizer.save_pretrained(out)
    (out.parent / "result.json").write_text(json.dumps({"model": {"out": f"{name}/model"}}))
    return out


def job(inputs: tuple[str, ...], method: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "kind": "merge", "id": "soup", "title": "merging", "stage": "soup", "needs": list(inputs), "seed": 1,
        "device": "cpu", "inputs": [{"name": name, "job": name} for name in inputs], "method": method,
        "like": inputs[0], "checkpoints": False, "trust_remote_code": False, **more,
    }  # fmt: skip


def context(folder: Path, *bodies: dict[str, Any]) -> Context:
    """Of the last of the jobs, in a folder as `smolc build` leaves it."""
    entries = []
    for body in bodies:
        place = folder / "jobs" / body["id"]
        place.mkdir(parents=True, exist_ok=True)
        (place / "job.yaml").write_text(yaml.safe_dump(body), encoding="utf-8")
        entries.append(
            {**{k: body[k] for k in ("id", "kind", "title", "stage", "needs")}, "hash": body["id"]}
        )
    cluster = {"name": "here", "device": "cpu", "nodes": 1, "processes": 1, "parallel_jobs": 1}
    content = {
        "smolc": "0", "edition": 1, "recipe": "r", "about": "", "hash": "h", "root": "..", "cluster": cluster,
        "jobs": entries,
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(content), encoding="utf-8")
    return Context(folder, read_manifest(folder), read_job(folder, bodies[-1]["id"]))


def merge(folder: Path, inputs: tuple[str, ...], method: dict[str, Any], **more: Any) -> Path:
    """The merged model's folder."""
    run(context(folder, job(inputs, method, **more)))
    return folder / "out" / "soup" / "model"


def linear(*weights: float) -> dict[str, Any]:
    return {"type": "linear", "weights": list(weights)}


def slerp(at: float) -> dict[str, Any]:
    return {"type": "slerp", "at": at}


SOUP = {"type": "soup"}


def tensors(folder: Path) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = {}
    for path in sorted(folder.glob("*.safetensors")):
        found |= load_file(path)
    return found


def same(one: Path, other: Path) -> bool:
    """Bit for bit."""
    a, b = tensors(one), tensors(other)
    return a.keys() == b.keys() and all(a[k].dtype == b[k].dtype and torch.equal(a[k], b[k]) for k in a)


def edited(folder: Path, change: Any) -> None:
    """change: takes and returns the tensors."""
    found = change(tensors(folder))
    save_file(found, folder / "model.safetensors", metadata={"format": "pt"})


def copied(folder: Path, of: str, name: str) -> Path:
    out = folder / "out" / name / "model"
    shutil.copytree(folder / "out" / of / "model", out)
    (out.parent / "result.json").write_text(json.dumps({"model": {"out": f"{name}/model"}}))
    return out
