"""Small compiled folders with data and evals that have something in common, for the tests of contamination."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

from smolc.runtime.contamination.run import run
from smolc.runtime.jobs.contamination import ContaminationJob
from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.manifest import Manifest

PAIRS = {"type": "prompt_completion", "prompt": "question", "completion": "answer"}
SYLLABLES = (
    "ba",
    "cor",
    "den",
    "fi",
    "gul",
    "ha",
    "jor",
    "kin",
    "lo",
    "mar",
    "nep",
    "os",
    "pli",
    "ran",
    "sut",
    "ti",
)


def problems(count: int, seed: int) -> list[dict[str, str]]:
    """Word problems that are alike, as those of one benchmark are, and all different."""
    draw = random.Random(seed)

    def word() -> str:
        return "".join(draw.choices(SYLLABLES, k=3))

    made = []
    for _ in range(count):
        who, other, what, more, place = (word() for _ in range(5))
        a, b, c = (draw.randint(2, 99) for _ in range(3))
        asked = [
            f"{who.title()} finds {a} {what} at the {place} and buys {b} {more} from {other.title()}.",
            f"{other.title()} gives {c} {what} to {who.title()}, who then sells the {more} for {word()} {word()}.",
            f"How many {what} does {who.title()} have at the {place} on day {draw.randint(1, 30)}?",
        ]
        answer = f"{who.title()} has {a} and {c} more {what}, which is {a} + {c} = {a + c}.\n#### {a + c}"
        made.append({"question": " ".join(asked), "answer": answer})
    return made


def own(name: str = "maths", file: str = "test.jsonl", **changes: Any) -> dict[str, Any]:
    return {
        **asked(name),
        "type": "own",
        "location": {"type": "files", "paths": [file]},
        "format": PAIRS,
        "where": None,
        "system": None,
        "extract": {"type": "after", "marker": "####"},
        **changes,
    }


def asked(name: str) -> dict[str, Any]:
    return {"name": name, "subset": None, "strata": None, "avg": 1, "pass_at": [], "max_new": None}


def measured(*tasks: dict[str, Any], **changes: Any) -> dict[str, Any]:
    fields = {"eval": "final", "role": "test", "action": "error"}
    return {**fields, "tasks": list(tasks), **changes}


def data(file: str = "train.jsonl", **changes: Any) -> dict[str, Any]:
    return {
        "name": file.partition(".")[0],
        "used": "trained",
        "by": ["tune"],
        "location": {"type": "files", "paths": [file]},
        "format": PAIRS,
        "where": None,
        "system": None,
        "decontaminate": None,
        **changes,
    }


def write(folder: Path, file: str, rows: list[dict[str, Any]]) -> None:
    (folder / file).write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def context(folder: Path, sources: list[dict[str, Any]], evals: list[dict[str, Any]]) -> Context:
    manifest = Manifest(
        smolc="0", edition=1, recipe="r", about="", hash="h", root=".", jobs=(),
        cluster={"name": "local", "device": "cpu", "nodes": 1, "processes": 1, "parallel_jobs": 1},
    )  # fmt: skip
    job = ContaminationJob.model_validate(
        {"kind": "contamination", "id": "contamination", "title": "t", "stage": None, "needs": [], "seed": 1,
         "device": "cpu", "ngram": 13, "data": sources, "evals": evals}
    )  # fmt: skip
    return Context(folder, manifest, job)


def overlap(context: Context) -> dict[str, Any]:
    run(context)
    return told(context)


def told(context: Context) -> dict[str, Any]:
    return json.loads((context.out / "overlap.json").read_text(encoding="utf-8"))
