"""The parts of `fake_folder`: settings of jobs as a compiled folder has them, and writing them down."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import yaml

from smolc.runtime.jobs.done import write_done
from smolc.runtime.jobs.manifest import read_manifest

LRS = (3e-4, 1e-3, 3e-3)
PLACE = {"seed": 1, "device": "cpu"}
TEMPLATE = {"file": "templates/chat.jinja", "end_of_turn": "<|im_end|>", "thinking": None, "kwargs": {}}
TRAIN = {
    "kind": "train",
    "init": "base",
    "adapter": {"type": "full"},
    "length": 64,
    "packing": "best_fit",
    "loss": {"type": "cross_entropy", "neftune": None},
    "batch": {"global_sequences": 32, "micro": 8, "accumulation": 4, "data_parallel": 1},
    "duration": {"epochs": 4.0, "steps": None, "tokens": None},
    "schedule": {"type": "cosine", "warmup": 0.05, "floor": 0.1, "decay": None},
    "precision": "fp32",
    "parallel": {"type": "ddp"},
    "attention": "auto",
    "kernels": "none",
    "checkpointing": False,
    "log_every": 5,
    "evaluate_every": None,
    "save_every": None,
    "keep": 1,
    "trust_remote_code": False,
}
OPTIMIZER = {"type": "adamw", "betas": [0.9, 0.95], "eps": 1e-8, "weight_decay": 0.1, "clip": 1.0}


class FakeFolder:
    """`jobs` are written by `write`; `finish` marks all as done but those named."""

    def __init__(self, path: Path, about: str, words: list[str]) -> None:
        self.path = path
        self.about = about
        self.words = words
        self.random = random.Random(7)
        self.jobs: list[dict[str, Any]] = []

    def job(self, id: str, title: str, stage: str | None, needs: tuple[str, ...], **fields: Any) -> None:
        self.jobs.append({"id": id, "title": title, "stage": stage, "needs": list(needs), **PLACE, **fields})

    def out(self, id: str, name: str, content: Any) -> None:
        place = self.path / "out" / id
        place.mkdir(parents=True, exist_ok=True)
        lines = "\n".join(json.dumps(c) for c in content) if name.endswith("l") else json.dumps(content)
        (place / name).write_text(lines + "\n", encoding="utf-8")

    def write(self) -> None:
        entries = []
        for number, job in enumerate(self.jobs):
            place = self.path / "jobs" / job["id"]
            place.mkdir(parents=True, exist_ok=True)
            (place / "job.yaml").write_text(yaml.safe_dump(job, allow_unicode=True), encoding="utf-8")
            keys = ("id", "kind", "title", "stage", "needs")
            entries.append({**{k: job[k] for k in keys}, "hash": f"{number:02d}" + "9f3ac1e7" * 4})
        cluster = {"name": "here", "device": "cpu", "nodes": 1, "processes": 1, "parallel_jobs": 1}
        manifest = {
            "smolc": "0.1.0",
            "edition": 1,
            "recipe": "quickstart",
            "about": self.about,
            "hash": "5be1" * 16,
            "root": ".",
            "cluster": cluster,
            "jobs": entries,
        }
        (self.path / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")

    def finish(self, but: tuple[str, ...] = ()) -> None:
        manifest = read_manifest(self.path)
        times = {"train": 24.7, "evaluate": 9.1, "prepare": 1.9, "model": 2.6}
        for entry in manifest.jobs:
            if entry.id not in but:
                write_done(self.path, entry, {}, times.get(entry.kind, 0.2) * self.random.uniform(0.8, 1.2))
                (self.path / "out" / entry.id / "log.txt").write_text("all went well\n")
