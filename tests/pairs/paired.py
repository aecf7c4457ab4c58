"""Compiled folders with answers that are there already, for the tests of pairs."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.manifest import Manifest
from smolc.runtime.jobs.pairs import PairsJob
from smolc.runtime.pairs.run import run

MANIFEST = Manifest(
    smolc="0", edition=1, recipe="r", about="", hash="h", root=".", jobs=(),
    cluster={"name": "local", "device": "cpu", "nodes": 1, "processes": 1, "parallel_jobs": 1},
)  # fmt: skip
STRENGTH = {"type": "strength", "chosen": ["strong"], "rejected": ["weak"]}
COLUMNS = {"type": "prompt_completion", "prompt": "question", "completion": "answer"}


def rows(name: str, **more: Any) -> dict[str, Any]:
    """How `<name>.jsonl` is read."""
    location = {"type": "files", "paths": [f"{name}.jsonl"]}
    read = {"location": location, "format": COLUMNS, "where": None, "system": None, "bad_rows": 0.0}
    return {"name": name, **read, **more}


def write(folder: Path, name: str, lines: Iterable[dict[str, Any]]) -> None:
    (folder / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def answered(folder: Path, name: str, said: dict[str, list[str]], **more: Any) -> dict[str, Any]:
    """What a `generate` job leaves: answers by question."""
    out = folder / "out" / name
    out.mkdir(parents=True)
    with (out / "answers.jsonl").open("w") as file:
        for number, (question, answers) in enumerate(said.items(), start=1):
            for sample, answer in enumerate(answers):
                line = {
                    "source": "problems", "place": f"problems.jsonl:{number}", "sample": sample,
                    "prompt": [{"role": "user", "content": question}], "answer": answer, "final": answer,
                    "tokens": len(answer.split()), "stopped": True, "unterminated": False, **more,
                }  # fmt: skip
                file.write(json.dumps(line) + "\n")
    (out / "result.json").write_text(json.dumps({"answers": sum(map(len, said.values()))}))
    return {"type": "generated", "name": name, "job": name}


def made(folder: Path, answers: list[dict[str, Any]], by: dict[str, Any] = STRENGTH, **job: Any) -> Context:
    """The context of a pairs job that has run."""
    fields = {
        "id": "taste", "kind": "pairs", "title": "t", "stage": "taste", "needs": [], "seed": 1, "device": "cpu",
        "answers": answers, "by": by, "at_most": 1, "ties": "drop", "unfinished": "drop", "bad_pairs": 0.05,
        "run_code": False, "thinking": None, "engine": "transformers", "batch": None, "processes": 1,
        "precision": "fp32", "trust_remote_code": False, **job,
    }  # fmt: skip
    context = Context(folder, MANIFEST, PairsJob.model_validate(fields))
    run(context)
    return context


def pairs_in(context: Context) -> list[tuple[str, str, str]]:
    """Question, chosen and rejected."""
    lines = (context.out / "pairs.jsonl").read_text().splitlines()
    return [
        (said["prompt"][-1]["content"], said["chosen"][0]["content"], said["rejected"][0]["content"])
        for said in map(json.loads, lines)
    ]


def result_of(context: Context) -> dict[str, Any]:
    return dict(json.loads((context.out / "result.json").read_text()))


def dropped(folder: Path) -> list[dict[str, Any]]:
    lines = (folder / "out" / "taste" / "dropped.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]
