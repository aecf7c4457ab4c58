"""Compiled folders with the samples of an eval, as a run leaves them, for the tests of the arena."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

EVALUATE: dict[str, Any] = {
    "id": "final", "title": "", "stage": None, "needs": [], "seed": 1, "device": "cpu", "kind": "evaluate",
    "role": "validation", "strip_thinking": None, "strip": True, "batch": 3, "checkpoints": False,
    "run_code": False, "judge": None, "engine": "transformers", "processes": 1, "precision": "fp32",
    "decode": {"temperature": 0.0, "top_p": 1.0, "max_new": 12}, "trust_remote_code": False,
}  # fmt: skip
VIBE = {
    "type": "vibe", "name": "basics", "location": {"type": "files", "paths": ["v.jsonl"]}, "subset": None,
    "strata": None, "avg": 1, "pass_at": [], "max_new": None,
}  # fmt: skip


def sample(model: str, id: str, answer: str, **more: Any) -> dict[str, Any]:
    """A line of samples.jsonl, of the vibe task `basics`."""
    return {
        "model": model, "task": "basics", "id": id, "sample": 0, "prompt": f"<rendered {model}>", "answer": answer,
        "gold": "look at it", "stopped": True, "category": "kind", "follow_ups": [], "tools": None,
        "messages": [{"role": "user", "content": f"prompt {id}"}], **more,
    }  # fmt: skip


def run_of(
    path: Path, samples: list[dict[str, Any]], thinking: Any = None, models: tuple[str, ...] = ()
) -> Path:
    names = models or tuple(dict.fromkeys(row["model"] for row in samples))
    subjects = [{"name": name, "job": name, "template": None, "tokenizer": None} for name in names]
    job = {**EVALUATE, "subjects": subjects, "tasks": [VIBE]}
    (path / "jobs/final").mkdir(parents=True)
    (path / "jobs/final/job.yaml").write_text(json.dumps(job))
    entry = {key: job[key] for key in ("id", "kind", "title", "stage", "needs")} | {"hash": "h"}
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
    (path / "manifest.json").write_text(json.dumps({**about, "jobs": [entry]}))
    out = path / "out/final"
    out.mkdir(parents=True)
    (out / "samples.jsonl").write_text("".join(json.dumps(row) + "\n" for row in samples))
    (out / "results.json").write_text(json.dumps({"strip_thinking": thinking}))
    (out / "done.json").write_text(json.dumps({"hash": "h", "needs": {}, "inputs": {}, "seconds": 1}))
    return path
