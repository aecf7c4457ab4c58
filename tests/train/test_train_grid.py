"""Runs of a grid, trained: what they start from, and halves that together are one run."""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from compiled import (
    LORA,
    MODEL,
    SPECIAL,
    TRAIN,
    chat_rows,
    context_of,
    finished,
    losses,
    read_metrics,
    write_folder,
    write_rows,
)
from safetensors.torch import load_file

from smolc.runtime.evaluate import cull
from smolc.runtime.jobs.done import write_done
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.manifest import read_manifest
from smolc.runtime.train import run, start
from smolc.runtime.train.scratch import bytes_tokenizer

pytestmark = pytest.mark.slow

TOKENIZER = bytes_tokenizer(SPECIAL, 128)
STEPS = {"duration": {"epochs": None, "steps": 8, "tokens": None}}
# Dropout draws random numbers: a part that goes on must draw those that the whole run would have drawn.
DROPPING = {**LORA, "dropout": 0.2}


def job(id: str, lr: float = 3e-3, needs: tuple[str, ...] = (), **said: Any) -> dict[str, Any]:
    optimizer = TRAIN["optimizer"] | {"lr": lr}
    return copy.deepcopy(
        TRAIN | STEPS | {"id": id, "optimizer": optimizer, "needs": ["base", "data", *needs]} | said
    )


def cull_job(keep: int, *rungs: tuple[str, str]) -> dict[str, Any]:
    candidates = [{"job": job, "then": then, "values": {}} for job, then in rungs]
    about = {"title": "", "stage": "sft", "needs": [job for job, _ in rungs], "seed": 3, "device": "cpu"}
    return {"kind": "cull", "id": "cull", **about, "at": 0.5, "keep": keep, "candidates": candidates}


PICK = {
    "kind": "pick", "id": "best", "title": "", "stage": "sft", "needs": ["low", "high"], "seed": 3, "device": "cpu",
    "metric": "eval_loss", "goal": "min", "candidates": [], "scores": [],
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With a start model and rows."""
    write_folder(tmp_path, MODEL)
    start.run(context_of(tmp_path, "base"))
    write_rows(tmp_path, TOKENIZER, chat_rows(TOKENIZER, 30), chat_rows(TOKENIZER, 37)[30:])
    return tmp_path


def train(folder: Path, *jobs: dict[str, Any]) -> None:
    """Write these jobs, and run them in their order."""
    write_folder(folder, MODEL, *jobs)
    for id in ("base", "data"):
        finished(folder, id)
    for one in jobs:
        if one["kind"] == "pick":
            continue
        context = context_of(folder, one["id"])
        (cull if one["kind"] == "cull" else run).run(context)
        entry = next(e for e in read_manifest(folder).jobs if e.id == one["id"])
        write_done(folder, entry, {}, 0.0, context.tells)


def result(folder: Path, id: str) -> dict[str, Any]:
    return dict(json.loads((folder / "out" / id / "result.json").read_text()))


def weights(folder: Path, id: str, part: str = "model/model.safetensors") -> dict[str, torch.Tensor]:
    return dict(load_file(folder / "out" / id / part))


@pytest.mark.parametrize("adapter", [{"type": "full"}, LORA], ids=["full", "lora"])
def test_runs_of_a_grid_start_from_the_same_weights(folder: Path, adapter: dict[str, Any]) -> None:
    """The first loss is the start model's, and so is the first adapter, whatever was drawn before."""
    train(folder, job("low", 1e-4, adapter=adapter), job("high", 3e-2, adapter=adapter), PICK)
    first = [losses(folder, id)[0] for id in ("low", "high")]
    assert first[0] == first[1]
    assert losses(folder, "low")[-1] != losses(folder, "high")[-1]
    if adapter is LORA:
        torch.rand(7)
        tiny = [job(id, 1e-12, adapter=adapter) for id in ("low", "high")]
        train(folder, tiny[0], tiny[1] | {"title": "another"}, PICK)
        one, other = (weights(folder, id, "adapter/adapter_model.safetensors") for id in ("low", "high"))
        assert all(torch.equal(one[key], other[key]) for key in one)
        train(folder, tiny[0], job("high", 1e-12, adapter=adapter, seed=4), PICK)
        other = weights(folder, "high", "adapter/adapter_model.safetensors")
        assert any(not torch.equal(one[key], other[key]) for key in one if "lora_A" in key)


def part(before: str | None, until: float | None) -> dict[str, Any]:
    return {"before": before, "verdict": "cull" if before else None, "until": until}


def test_the_parts_of_a_run_are_the_run(folder: Path) -> None:
    """The curve, and the weights that come out."""
    every = {"steps": 3, "fraction": None}
    said: dict[str, Any] = {"adapter": DROPPING, "evaluate_every": every}
    train(folder, job("whole", **said))
    jobs = [
        job("low-to-50pct", **said, part=part(None, 0.5)),
        job("high-to-50pct", 1e-5, **said, part=part(None, 0.5)),
        cull_job(1, ("low-to-50pct", "low"), ("high-to-50pct", "high")),
        job("low", **said, part=part("low-to-50pct", None), needs=("low-to-50pct", "cull")),
        job("high", 1e-5, **said, part=part("high-to-50pct", None), needs=("high-to-50pct", "cull")),
    ]
    train(folder, *jobs, PICK)
    assert losses(folder, "low") == losses(folder, "whole") and len(losses(folder, "low")) == 8
    one, other = weights(folder, "low"), weights(folder, "whole")
    assert all(torch.equal(one[key], other[key]) for key in one)
    assert result(folder, "low-to-50pct")["rung"] == {"step": 4, "of": 8}
    assert result(folder, "low-to-50pct")["model"] is None
    assert not (folder / "out/low-to-50pct/model").exists()
    assert (
        result(folder, "low")["rung"] is None
        and result(folder, "low")["first_loss"] == losses(folder, "low")[0]
    )

    stopped = result(folder, "high")
    assert stopped["stopped"] is True and stopped["why"] == "stopped at step 4 of 8"
    assert stopped["eval_loss"] == result(folder, "high-to-50pct")["eval_loss"] > 0
    assert [row["step"] for row in read_metrics(folder, "high") if "loss" in row] == [1, 2, 3, 4]

    # Killed between its last checkpoint and its result, a part ends where it was.
    before = result(folder, "low-to-50pct")
    (folder / "out/low-to-50pct/result.json").unlink()
    run.run(context_of(folder, "low-to-50pct"))
    again = result(folder, "low-to-50pct")
    assert {k: again[k] for k in ("rung", "eval_loss", "train_loss")} == {
        k: before[k] for k in ("rung", "eval_loss", "train_loss")
    }

    # A checkpoint that is gone is said, with what to do.
    shutil.rmtree(folder / "out/low-to-50pct/checkpoints")
    shutil.rmtree(folder / "out/low")
    with pytest.raises(JobError, match="low-to-50pct left no whole checkpoint") as caught:
        run.run(context_of(folder, "low"))
    assert "done.json" in (caught.value.help or "")


EXPLODES = {
    "optimizer": TRAIN["optimizer"] | {"lr": 1.0, "clip": 1e3},
    "schedule": {"type": "constant", "warmup": 2, "floor": 1.0, "decay": None},
    "duration": {"epochs": None, "steps": 60, "tokens": None},
}


def test_a_run_that_explodes_stops_early(folder: Path) -> None:
    bad = job("low") | copy.deepcopy(EXPLODES)
    with pytest.raises(
        JobError, match=r"the loss went up to \d.* by step \d+ of 60 and does not come down"
    ) as caught:
        train(folder, bad)
    assert "lower the learning rate" in (caught.value.help or "")
    seen = losses(folder, "low")
    assert len(seen) < 60

    train(folder, bad, PICK)
    lost = result(folder, "low")
    assert lost["diverged"] is True and lost["eval_loss"] is None
    assert lost["steps"] == len(losses(folder, "low")) and lost["train_loss"] == losses(folder, "low")[-1]

    train(folder, bad | {"diverged": "nan"}, PICK)
    assert result(folder, "low").get("diverged") is None and len(losses(folder, "low")) == 60
