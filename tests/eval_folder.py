"""Compiled folders with evals that are done, without having run: results and samples as an eval job writes them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from smolc.runtime.evaluate.metrics import clustered, interval
from smolc.runtime.jobs.done import write_done
from smolc.runtime.jobs.manifest import read_manifest

DECODE = {"temperature": 0.0, "top_p": 1.0, "max_new": 24}
BASIC = {"subset": None, "strata": None, "avg": 1, "pass_at": [], "max_new": None}
WHERE = {"type": "files", "paths": ["test.jsonl"]}
JUDGE = {
    "name": "referee",
    "model": "referee",
    "revision": None,
    "weights": "sha256:" + "ab" * 32 + " bfloat16",
    "prompts": {"grade": {"sha256": "cd" * 32}},
    "prompt_hash": "1234abcd",
    "template": None,
    "decode": {"temperature": 0.0, "max_new": 512},
    "identity": "5678efab",
    "pinned": True,
    "asked": 10,
    "cached": 3,
}


def own_task(name: str, **more: Any) -> dict[str, Any]:
    format = {"type": "prompt_completion", "prompt": "prompt", "completion": "answer"}
    extract = {"type": "whole", "marker": None}
    own = {"location": WHERE, "format": format, "where": None, "system": None, "extract": extract}
    return {"name": name, "type": "own", **BASIC, **own, **more}


def judged_task(name: str, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "type": "judged",
        **BASIC,
        "style": "grade",
        "location": WHERE,
        "against": None,
        **more,
    }


def said(
    model: str, task: str, scores: Sequence[float | Sequence[float] | None], **more: Any
) -> list[dict[str, Any]]:
    """Samples, a score for each problem, or those of its k answers."""
    lines = []
    for number, score in enumerate(scores):
        for k, one in enumerate(score if isinstance(score, Sequence) else [score]):
            lines.append(
                {
                    "model": model,
                    "task": task,
                    "id": f"{task}-{number}",
                    "sample": k,
                    "place": f"test.jsonl:{number + 1}",
                    "stratum": "",
                    "prompt": f"<|im_start|>user\nquestion {number}<|im_end|>\n<|im_start|>assistant\n",
                    "answer": f"answer {number}",
                    "extracted": f"answer {number}",
                    "gold": f"gold {number}",
                    "score": one,
                    "note": None,
                    "tokens": 4,
                    "stopped": True,
                    "unterminated": False,
                    "cached": False,
                    **more,
                }
            )
    return lines


def rows_of(
    samples: Sequence[dict[str, Any]], metric: str = "exact_match", **more: Any
) -> list[dict[str, Any]]:
    """The scores that samples give, by model and task."""
    found = []
    for model, task in dict.fromkeys((s["model"], s["task"]) for s in samples):
        own = [s for s in samples if (s["model"], s["task"]) == (model, task)]
        by_id: dict[str, list[float]] = {}
        for sample in own:
            if sample["score"] is not None:
                by_id.setdefault(sample["id"], []).append(sample["score"])
        scores = list(by_id.values())
        value, stderr = clustered(scores) if scores else (None, None)
        low, high = interval(scores) if scores else (None, None)
        counts = {
            "no_answer": 0,
            "unterminated": 0,
            "stopped": 1.0,
            "tokens": 9,
            "thinking_scored": 0,
            "cached": 0,
        }
        found.append(
            {
                "model": model,
                "task": task,
                "metric": metric if scores else "none",
                "value": value,
                "stderr": stderr,
                "low": low,
                "high": high,
                "n": len({s["id"] for s in own}),
                "k": max(len(s) for s in scores) if scores else 1,
                **counts,
                "seconds": 3.1,
                **more,
            }
        )
    return found


def results(measured: Sequence[dict[str, Any]], **more: Any) -> dict[str, Any]:
    """results.json with such rows."""
    models = dict.fromkeys(row["model"] for row in measured)
    template = {
        "template": "templates/chat.jinja",
        "hash": "00aa11bb22cc33dd",
        "end_of_turn": "<|im_end|>",
        "kwargs": {},
    }
    return {
        "role": "validation",
        "rows": list(measured),
        "decode": DECODE,
        "seed": 1,
        "strip_thinking": None,
        "strip": True,
        "templates": {model: {**template, "example": "<|im_start|>"} for model in models},
        "weights": {model: f"sha256:{number:064x} float32" for number, model in enumerate(models)},
        "engine": {"name": "transformers", "version": "5.23.0"},
        "judge": None,
        "subsets": {},
        "precision": "fp32",
        "versions": {"lm-eval": "0.4.13", "torch": "2.15.0"},
        "device": "cpu",
        **more,
    }


class EvalFolder:
    """Models and evals of them. What `evaluate` is told to have been said is all that its samples hold."""

    def __init__(self, path: Path, recipe: str = "made") -> None:
        self.path, self.recipe = path, recipe
        self.jobs: list[dict[str, Any]] = []

    def _job(self, id: str, kind: str, needs: Sequence[str] = (), **fields: Any) -> None:
        common = {"title": f"{kind} {id}", "stage": None, "seed": 1, "device": "cpu"}
        self.jobs.append({"id": id, "kind": kind, "needs": list(needs), **common, **fields})
        place = self.path / "jobs" / id
        place.mkdir(parents=True, exist_ok=True)
        (place / "job.yaml").write_text(yaml.safe_dump(self.jobs[-1]), encoding="utf-8")
        entries = [
            {**{k: j[k] for k in ("id", "kind", "title", "stage", "needs")}, "hash": f"{n:02d}ab"}
            for n, j in enumerate(self.jobs)
        ]
        cluster = {"name": "here", "device": "cpu", "nodes": 1, "processes": 1, "parallel_jobs": 1}
        about = {
            "smolc": "0.1.0",
            "edition": 1,
            "recipe": self.recipe,
            "about": "",
            "hash": "ab",
            "root": ".",
        }
        manifest = {**about, "cluster": cluster, "jobs": entries}
        (self.path / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")

    def evaluate(
        self,
        id: str,
        tasks: Sequence[dict[str, Any]],
        samples: Sequence[dict[str, Any]],
        found: dict[str, Any] | None = None,
        **fields: Any,
    ) -> None:
        """found: its results.json; None for an eval that is not over."""
        models = list(dict.fromkeys(s["model"] for s in samples))
        subjects = [{"name": m, "job": m, "template": None, "tokenizer": None} for m in models]
        made = {"role": "validation", "subjects": subjects, "checkpoints": False, "tasks": list(tasks)}
        how = {"decode": DECODE, "strip_thinking": None, "strip": True, "run_code": False, "judge": None}
        ran = {
            "engine": "auto",
            "batch": None,
            "processes": 1,
            "precision": "fp32",
            "trust_remote_code": False,
        }
        self._job(id, "evaluate", **{**made, **how, **ran, **fields})
        place = self.path / "out" / id
        place.mkdir(parents=True, exist_ok=True)
        lines = "".join(json.dumps(s) + "\n" for s in samples)
        (place / "samples.jsonl").write_text(lines, encoding="utf-8")
        if found is not None:
            (place / "results.json").write_text(json.dumps(found), encoding="utf-8")
            manifest = read_manifest(self.path)
            write_done(self.path, manifest.jobs[-1], {}, 3.0)
