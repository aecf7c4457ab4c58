"""Health of real preference runs of a tiny model: good ones, and ones that are made to go wrong."""

import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from compiled import (
    DPO,
    KTO,
    LORA,
    MODEL,
    SPECIAL,
    TRAIN,
    chat_rows,
    context_of,
    finished,
    pair_rows,
    read_metrics,
    word,
    write_folder,
    write_rows,
)

from smolc.runtime.train import run, start
from smolc.runtime.train.scratch import bytes_tokenizer

pytestmark = pytest.mark.slow

TOKENIZER = bytes_tokenizer(SPECIAL, 128)
BATCH = {"global_sequences": 16, "micro": 16, "accumulation": 1, "data_parallel": 1}


def test_a_preference_run_tells_how_it_went(train: Callable[..., Path]) -> None:
    every = {"steps": 3, "fraction": None}
    folder = train(pair_rows, method="dpo", loss=DPO, evaluate_every=every)
    result = json.loads((folder / "out/sft/result.json").read_text())
    health = result["health"]
    measured, said = health["measured"], health["said"]
    assert health["why_not"] is None and said and all(f["text"] for f in said)
    assert measured["pairs"] == 7 and measured["kl_chosen"] > 0 and measured["answers"]["prompts"] == 7
    evaluations = [row for row in read_metrics(folder, "sft") if "eval_loss" in row]
    assert len(evaluations) == 2
    # TRL's sums over the same rows, brought to a token, are what the saved model says of them, though the last of the
    # batches of two has one pair.
    last = evaluations[-1]
    for side in ("chosen", "rejected"):
        assert last[f"eval_logps/{side}_per_token"] == pytest.approx(measured["trained"][side], rel=1e-4)
    assert last["eval_rewards/margins"] == pytest.approx(0.1 * measured["margin"], rel=1e-3)
    assert last["eval_rewards/accuracies"] == pytest.approx(measured["preferred"])


@pytest.mark.long
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("adapter", [{"type": "full"}, LORA], ids=["full", "lora"])
def test_it_is_measured_on_a_gpu_in_half_precision(
    train: Callable[..., Path], adapter: dict[str, Any]
) -> None:
    folder = train(pair_rows, method="dpo", loss=DPO, device="cuda", precision="bf16", adapter=adapter)
    result = json.loads((folder / "out/sft/result.json").read_text())
    health = result["health"]
    assert health["why_not"] is None
    measured = health["measured"]
    assert 0 < measured["kl_chosen"] < 1 and measured["answers"]["room"] >= 8
    row = next(row for row in read_metrics(folder, "sft") if "eval_loss" in row)
    for side in ("chosen", "rejected"):
        assert row[f"eval_logps/{side}_per_token"] == pytest.approx(measured["trained"][side], rel=0.05)


@pytest.fixture(scope="module")
def reversing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`out/base`, which reverses words."""
    folder = tmp_path_factory.mktemp("reversing")
    steps = {"duration": {"epochs": None, "steps": 250, "tokens": None}, "batch": BATCH, "log_every": 50}
    write_folder(folder, MODEL, TRAIN | steps | {"optimizer": TRAIN["optimizer"] | {"lr": 1e-2}})
    start.run(context_of(folder, "base"))
    finished(folder, "base")
    write_rows(folder, TOKENIZER, chat_rows(TOKENIZER, 200), [])
    finished(folder, "data")
    run.run(context_of(folder, "sft"))
    shutil.rmtree(folder / "out/base/model")
    (folder / "out/sft/model").rename(folder / "out/base/model")
    return folder / "out/base"


def pairs(first: int, last: int, *, shuffled: bool) -> list[dict[str, Any]]:
    """shuffled: which of two answers is the chosen one is drawn."""
    draw, rows = random.Random(first), []
    for i in range(first, last):
        chosen, rejected = f"{word(i)[::-1]}<|im_end|>", f"{word(i)}!<|im_end|>"
        if shuffled:
            chosen, rejected = draw.sample([f"{word(i)[::-1]}{mark}<|im_end|>" for mark in ".?"], 2)
        prompt = f"<|im_start|>user\n{word(i)}<|im_end|>\n<|im_start|>assistant\n"
        texts = {"prompt": prompt, "chosen": chosen, "rejected": rejected}
        rows.append(texts | {f"{name}_ids": TOKENIZER.encode(text) for name, text in texts.items()})
    return rows


def apart(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each answer with its label, as KTO takes them."""
    return [
        {
            "prompt": row["prompt"],
            "prompt_ids": row["prompt_ids"],
            "completion": row[side],
            "completion_ids": row[f"{side}_ids"],
            "label": side == "chosen",
        }
        for row in rows
        for side in ("chosen", "rejected")
    ]


@pytest.mark.long
@pytest.mark.parametrize(
    ("loss", "shuffled", "lr", "steps", "rows", "wrong"),
    [
        (DPO, False, 5e-5, 60, 160, set()),
        (KTO, False, 1e-4, 60, 160, set()),
        (DPO, False, 1e-7, 30, 160, {"nothing learnt"}),
        (DPO, False, 2e-2, 60, 160, {"chosen collapsed", "KL ran away"}),
        (DPO, True, 1e-3, 150, 32, {"margin without accuracy", "held-out loss rose"}),
        (KTO, True, 1e-3, 150, 32, {"margin without accuracy"}),
    ],
    ids=["dpo", "kto", "too low a rate", "too high a rate", "shuffled labels", "kto, shuffled labels"],
)
def test_what_was_made_to_go_wrong_is_told(
    tmp_path: Path,
    reversing: Path,
    loss: dict[str, Any],
    shuffled: bool,
    lr: float,
    steps: int,
    rows: int,
    wrong: set[str],
) -> None:
    job = TRAIN | {
        "method": loss["type"],
        "loss": loss,
        "optimizer": TRAIN["optimizer"] | {"lr": lr},
        "duration": {"epochs": None, "steps": steps, "tokens": None},
        "batch": BATCH,
        "evaluate_every": {"steps": steps // 6, "fraction": None},
    }
    write_folder(tmp_path, MODEL, job)
    shutil.copytree(reversing, tmp_path / "out/base")
    splits = [pairs(0, rows, shuffled=shuffled), pairs(rows, rows + 64, shuffled=shuffled)]
    if loss["type"] == "kto":
        splits = [apart(part) for part in splits]
    write_rows(tmp_path, TOKENIZER, *splits)
    finished(tmp_path, "base")
    finished(tmp_path, "data")
    run.run(context_of(tmp_path, "sft"))
    said = json.loads((tmp_path / "out/sft/result.json").read_text())["health"]["said"]
    told = {f["word"] for f in said if f["bad"]}
    assert wrong <= told if wrong else not told
