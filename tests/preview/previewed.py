"""A compiled folder with one data job and a start model from scratch, whose tokenizer knows bytes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from smolc.runtime.jobs.manifest import Entry
from smolc.runtime.preview.sample import StageSample, sample

CHATML = Path(__file__).parents[2] / "templates" / "chat" / "chatml.jinja"
SPECIAL = ["<pad>", "<|im_start|>", "<|im_end|>", "<think>", "</think>"]
MESSAGES = {"type": "messages", "column": "messages", "tools": None, "template_kwargs": None}
PAIRS = {"type": "preference", "prompt": "prompt", "chosen": "chosen", "rejected": "rejected"}
JUDGED = {"type": "unpaired", "prompt": "prompt", "completion": "completion", "label": "label"}
DOCUMENTS = {"type": "text", "column": "text"}
ALL = {"type": "all"}
COMMON = {"title": "a title", "seed": 1, "device": "cpu"}


def chat(*words: str) -> dict[str, Any]:
    """The user and the assistant in turns."""
    roles = ("user", "assistant")
    return {"messages": [{"role": roles[n % 2], "content": text} for n, text in enumerate(words)]}


def source(name: str, format: dict[str, Any] = MESSAGES, **more: Any) -> dict[str, Any]:
    location = {"type": "files", "paths": [f"{name}.jsonl"]}
    made = {
        "name": name,
        "location": location,
        "format": format,
        "where": None,
        "system": None,
        "weight": ALL,
    }
    return {**made, **more}


def rows(folder: Path, name: str, said: list[Any]) -> None:
    """`name.jsonl`; a text among the rows is a line as it is."""
    lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in said]
    (folder / f"{name}.jsonl").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def compiled(folder: Path, sources: list[dict[str, Any]], **job: Any) -> Path:
    """The compiled folder below the user's `folder`."""
    build = folder / "build"
    template: dict[str, Any] = {
        "file": "templates/chat.jinja",
        "end_of_turn": "<|im_end|>",
        "thinking": None,
        "kwargs": {},
    }
    data = {
        "kind": "prepare",
        "method": "sft",
        "model": "base",
        "template": template,
        "loss_on": "assistant",
        "sources": sources,
        "basis": "tokens",
        "budget_tokens": None,
        "holdout": None,
        "length": 4096,
        "overlong": "error",
        "packing": "none",
        "trust_remote_code": False,
        **job,
    }
    llama = {"layers": 2, "hidden": 64, "heads": 4, "kv_heads": 4, "intermediate": 128, "context": 2048}
    base = {
        "kind": "model",
        "source": {"type": "scratch", "architecture": "llama", **llama},
        "tokenizer": {"type": "bytes", "special": SPECIAL},
        "dtype": "fp32",
        "trust_remote_code": False,
    }
    entries = []
    for name, stage, content, needs in (("base", None, base, []), ("data", "sft", data, ["base"])):
        whole = {"id": name, "stage": stage, "needs": needs, **COMMON, **content}
        path = build / "jobs" / name / "job.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(whole), encoding="utf-8")
        entry = {key: whole[key] for key in ("id", "kind", "title", "stage", "needs")}
        entries.append({**entry, "hash": f"hash of {name}"})
    (build / "templates").mkdir(exist_ok=True)
    (build / "templates" / "chat.jinja").write_text(CHATML.read_text(encoding="utf-8"), encoding="utf-8")
    manifest = {
        "smolc": "0",
        "edition": 1,
        "recipe": "trial",
        "about": "",
        "hash": "0" * 64,
        "root": "..",
        "cluster": {"name": "here", "device": "cpu", "nodes": 1, "processes": 1, "parallel_jobs": 1},
        "jobs": entries,
    }
    (build / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return build


def taken(build: Path, count: int = 3, only: str | None = None, earlier: Path | None = None) -> StageSample:
    entry = Entry(
        id="data", kind="prepare", title="a title", stage="sft", needs=("base",), hash="hash of data"
    )
    return sample(build, entry, count, only, earlier)


def trained_text(stage: StageSample) -> list[list[str]]:
    """Of each row, for each row of the data set that it goes to: what is trained of it."""
    found = []
    for row in stage.rows:
        pieces = [p for sequence in row.sequences for turn in sequence.turns for p in turn.pieces]
        found.append(
            ["".join(p.text for p in pieces if p.trained and p.part == n) for n in range(len(row.parts))]
        )
    return found
