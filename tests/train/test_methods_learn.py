"""Every preference method, from one SFT start, on the quickstart's pairs: held-out pairs are told apart as they were not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from compiled import DPO, MODEL, SPECIAL, TRAIN, context_of, finished, write_folder, write_rows

from smolc.runtime.train import run, start
from smolc.runtime.train.scratch import bytes_tokenizer

pytestmark = pytest.mark.slow

QUICKSTART = Path(__file__).parents[2] / "recipes" / "quickstart"
TOKENIZER = bytes_tokenizer(SPECIAL, 128)
BATCH = {"global_sequences": 32, "micro": 32, "accumulation": 1, "data_parallel": 1}
COMMON = {"batch": BATCH, "save_every": None}
OVER_SFT = DPO | {"reference": "sft"}
METHODS = {
    "dpo": OVER_SFT,
    "apo": OVER_SFT | {"loss": ["apo_zero"]},
    "kto": {
        "type": "kto",
        "beta": 0.1,
        "desirable_weight": 1.0,
        "undesirable_weight": 1.0,
        "reference": "sft",
    },
    "orpo": {"type": "orpo", "beta": 1.0},
    "cpo": {"type": "cpo", "loss": "sigmoid", "beta": 0.1, "alpha": 1.0, "label_smoothing": 0.0},
    "simpo": {"type": "simpo", "beta": 2.0, "gamma": 1.0},
}


def read(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (QUICKSTART / name).read_text(encoding="utf-8").splitlines()]


def asked(text: str) -> str:
    return f"<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n"


def pairs() -> list[dict[str, Any]]:
    rows = []
    for row in read("preferences.jsonl"):
        texts = {"prompt": asked(row["prompt"])}
        texts |= {side: f"{row[side]}<|im_end|>" for side in ("chosen", "rejected")}
        rows.append(texts | {f"{name}_ids": TOKENIZER.encode(text) for name, text in texts.items()})
    return rows


def either(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """SFT on both answers: a start that does not know which is better."""
    out = []
    for row in rows:
        for side in ("chosen", "rejected"):
            prompt, answer = row["prompt_ids"], row[f"{side}_ids"]
            out.append({"input_ids": prompt + answer, "labels": [-100] * len(prompt) + answer})
    return out


def judged(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "prompt": row["prompt"], "prompt_ids": row["prompt_ids"], "label": side == "chosen",
            "completion": row[side], "completion_ids": row[f"{side}_ids"],
        }
        for i, row in enumerate(rows) for side in [("rejected", "chosen")[i % 2]]
    ]  # fmt: skip


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose job `sft` is trained."""
    folder = tmp_path_factory.mktemp("methods")
    rows = pairs()[:400]
    said = COMMON | {"duration": {"epochs": None, "steps": 60, "tokens": None}}
    write_folder(folder, MODEL, TRAIN | said)
    start.run(context_of(folder, "base"))
    write_rows(folder, TOKENIZER, either(rows[50:]), either(rows[:50]))
    finished(folder, "base")
    finished(folder, "data")
    run.run(context_of(folder, "sft"))
    finished(folder, "sft")
    shutil.rmtree(folder / "out" / "data")
    return folder


@pytest.mark.parametrize("name", METHODS)
def test_held_out_pairs_are_told_apart(name: str, begun: Path) -> None:
    loss = METHODS[name]
    method, rows = loss["type"], pairs()[:400]
    made = judged(rows) if method == "kto" else rows
    job = (
        TRAIN | COMMON | {"id": name, "method": method, "loss": loss, "init": "sft", "needs": ["sft", "data"]}
    )
    job |= {"duration": {"epochs": None, "steps": 30, "tokens": None}}
    said = COMMON | {"duration": {"epochs": None, "steps": 60, "tokens": None}}
    write_folder(begun, MODEL, TRAIN | said, job)
    write_rows(begun, TOKENIZER, made[50:], made[:50])
    finished(begun, "data")
    run.run(context_of(begun, name))
    measured = json.loads((begun / "out" / name / "result.json").read_text())["health"]["measured"]
    before, after = measured["start"]["likelier"], measured["trained"]["likelier"]
    assert before < 0.7 and after > before + 0.2 and measured["preferred"] > 0.9
