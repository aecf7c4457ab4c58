"""Builds small compiled folders as `smolc build` would leave them, for the training tests."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import datasets
import pytest
import yaml

from smolc.compiler.plan.types import Cluster, Job
from smolc.compiler.render.accelerate import accelerate_yaml, deepspeed_json
from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.done import write_done
from smolc.runtime.jobs.manifest import Manifest, read_job, read_manifest

# On a CPU, deepspeed compiles its communication as it starts.
COMPILES = (
    shutil.which(os.environ.get("CXX", "c++")) is not None
    and (Path(sysconfig.get_path("include")) / "Python.h").is_file()
)
ZERO = pytest.mark.skipif(
    find_spec("deepspeed") is None or not COMPILES,
    reason="needs deepspeed, a C++ compiler and Python's headers",
)
"""For a run under DeepSpeed on CPUs."""
SPECIAL = ("<pad>", "<|im_start|>", "<|im_end|>")
WORDS = (
    "alpha",
    "bravo",
    "delta",
    "gamma",
    "omega",
    "sigma",
    "theta",
    "kappa",
    "lambda",
    "zeta",
    "eta",
    "iota",
)

MODEL = {
    "kind": "model",
    "id": "base",
    "title": "start",
    "stage": None,
    "needs": [],
    "seed": 1,
    "device": "cpu",
    "source": {
        "type": "scratch",
        "architecture": "llama",
        "layers": 2,
        "hidden": 32,
        "heads": 4,
        "kv_heads": 2,
        "intermediate": 64,
        "context": 128,
    },
    "tokenizer": {"type": "bytes", "special": list(SPECIAL)},
    "dtype": "fp32",
    "trust_remote_code": False,
}

TRAIN = {
    "kind": "train",
    "id": "sft",
    "title": "training",
    "stage": "sft",
    "needs": ["base", "data"],
    "seed": 3,
    "device": "cpu",
    "method": "sft",
    "init": "base",
    "data": "data",
    "loss": {"type": "cross_entropy", "neftune": None},
    "adapter": {"type": "full"},
    "length": 64,
    "packing": "none",
    "batch": {"global_sequences": 4, "micro": 2, "accumulation": 2, "data_parallel": 1},
    "duration": {"epochs": None, "steps": 6, "tokens": None},
    "optimizer": {
        "type": "adamw",
        "lr": 3e-3,
        "betas": [0.9, 0.95],
        "eps": 1e-8,
        "weight_decay": 0.01,
        "clip": 1.0,
    },
    "schedule": {"type": "cosine", "warmup": 2, "floor": 0.1, "decay": None},
    "precision": "fp32",
    "parallel": {"type": "ddp"},
    "attention": "auto",
    "kernels": "auto",
    "checkpointing": False,
    "log_every": 1,
    "evaluate_every": None,
    "save_every": None,
    "keep": 1,
    "trust_remote_code": False,
}

DPO = {
    "type": "dpo",
    "loss": ["sigmoid"],
    "weights": None,
    "beta": 0.1,
    "label_smoothing": 0.0,
    "reference": "base",
}
"""A loss, with the start model as its reference."""

KTO = {"type": "kto", "beta": 0.1, "desirable_weight": 1.0, "undesirable_weight": 1.0, "reference": "base"}

LORA = {
    "type": "lora",
    "rank": 4,
    "alpha": 8.0,
    "dropout": 0.0,
    "targets": "all_linear",
    "scaling": "rsqrt",
    "dora": False,
}


def write_folder(folder: Path, *jobs: dict[str, Any]) -> Path:
    """manifest.json and the jobs; a job `data` without a file stands for the prepare job."""
    entries = []
    for job in jobs:
        path = folder / "jobs" / job["id"] / "job.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(job), encoding="utf-8")
        entries.append(
            {k: job[k] for k in ("id", "kind", "title", "stage", "needs")} | {"hash": f"hash of {job}"}
        )
    entries.append({"id": "data", "kind": "prepare", "title": "", "stage": None, "needs": [], "hash": "data"})
    manifest = {
        "smolc": "0",
        "edition": 1,
        "recipe": "test.recipe",
        "about": "",
        "hash": "0",
        "root": "..",
        "cluster": {"name": "here", "device": "cpu", "nodes": 1, "processes": 1, "parallel_jobs": 1},
        "jobs": entries,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


def context_of(folder: Path, job_id: str) -> Context:
    return Context(folder, read_manifest(folder), read_job(folder, job_id))


def finished(folder: Path, job_id: str) -> None:
    manifest: Manifest = read_manifest(folder)
    write_done(folder, next(e for e in manifest.jobs if e.id == job_id), {}, 0.0)


def word(i: int) -> str:
    return WORDS[i % len(WORDS)] + str(i // len(WORDS))


def chat_rows(tokenizer: Any, count: int) -> list[dict[str, Any]]:
    """'reverse this word' in ChatML, masked as a prepare job would."""
    rows = []
    for i in range(count):
        prompt, answer = (
            f"<|im_start|>user\n{word(i)}<|im_end|>\n<|im_start|>assistant\n",
            f"{word(i)[::-1]}<|im_end|>",
        )
        ids, trained = tokenizer.encode(prompt), tokenizer.encode(answer)
        rows.append({"input_ids": ids + trained, "labels": [-100] * len(ids) + trained})
    return rows


def pack(rows: list[dict[str, Any]], length: int) -> list[dict[str, Any]]:
    """Next-fit packing."""
    packed: list[dict[str, Any]] = []
    for row in rows:
        size = len(row["input_ids"])
        if not packed or len(packed[-1]["input_ids"]) + size > length:
            packed.append({"input_ids": [], "labels": [], "seq_lengths": []})
        last = packed[-1]
        last["input_ids"] = last["input_ids"] + row["input_ids"]
        last["labels"] = last["labels"] + row["labels"]
        last["seq_lengths"] = [*last["seq_lengths"], size]
    return packed


def pair_rows(tokenizer: Any, count: int) -> list[dict[str, Any]]:
    rows = []
    for i in range(count):
        prompt = f"<|im_start|>user\n{word(i)}<|im_end|>\n<|im_start|>assistant\n"
        texts = {
            "prompt": prompt,
            "chosen": f"{word(i)[::-1]}<|im_end|>",
            "rejected": f"{word(i)}!<|im_end|>",
        }
        rows.append(texts | {f"{name}_ids": tokenizer.encode(text) for name, text in texts.items()})
    return rows


def unpaired_rows(tokenizer: Any, count: int) -> list[dict[str, Any]]:
    rows = []
    for i, pair in enumerate(pair_rows(tokenizer, count)):
        side = "chosen" if i % 2 else "rejected"
        rows.append(
            {
                "prompt": pair["prompt"],
                "prompt_ids": pair["prompt_ids"],
                "completion": pair[side],
                "completion_ids": pair[f"{side}_ids"],
                "label": side == "chosen",
            }
        )
    return rows


def write_rows(
    folder: Path, tokenizer: Any, rows: list[dict[str, Any]], validation: list[dict[str, Any]]
) -> None:
    """What a prepare job `data` leaves."""
    out = folder / "out" / "data"
    datasets.Dataset.from_list(rows).save_to_disk(str(out / "train"))
    if validation:
        datasets.Dataset.from_list(validation).save_to_disk(str(out / "validation"))
    tokenizer.save_pretrained(str(out / "tokenizer"))
    (out / "result.json").write_text("{}", encoding="utf-8")


def read_metrics(folder: Path, job_id: str) -> list[dict[str, Any]]:
    lines = (folder / "out" / job_id / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def losses(folder: Path, job_id: str) -> list[float]:
    return [row["loss"] for row in read_metrics(folder, job_id) if "loss" in row]


def launcher(config: str | Path) -> list[str]:
    """The start of a command for several processes. Port 0, as launch.sh says it: tests run beside each other."""
    return ["accelerate", "launch", "--main_process_port", "0", "--config_file", str(config)]


def launch(folder: Path, command: list[str], **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a compiled folder, as a launch.sh would."""
    env = (
        os.environ
        | {"OMP_NUM_THREADS": "1", "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        | environment
    )
    return subprocess.run(
        command, cwd=folder, env=env, capture_output=True, text=True, timeout=600, check=False
    )


def start_job(folder: Path, body: dict[str, Any], processes: int, **environment: str) -> str:
    """What it printed. The launch files are rendered as for a cluster of as many devices."""
    name = body["id"]
    command = ["python"]
    if processes > 1:
        cluster = Cluster("here", body["device"], processes=processes)
        made = Job(name, "train", "", "sft", (), body, "", cluster)
        place = folder / "jobs" / name
        (place / "accelerate.yaml").write_text(accelerate_yaml(made), encoding="utf-8")
        if body["parallel"]["type"] == "zero":
            (place / "deepspeed.json").write_text(deepspeed_json(made), encoding="utf-8")
        command = launcher(f"jobs/{name}/accelerate.yaml")
    done = launch(folder, [*command, "-m", "smolc.runtime", f"jobs/{name}/job.yaml"], **environment)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-6000:]
    assert (folder / "out" / name / "done.json").is_file()
    return done.stdout
