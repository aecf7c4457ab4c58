"""A run of a halved grid on two processes: what its jobs trained is what one job would have."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from compiled import (
    LORA,
    MODEL,
    SPECIAL,
    TRAIN,
    ZERO,
    chat_rows,
    context_of,
    finished,
    losses,
    start_job,
    write_folder,
    write_rows,
)
from safetensors.torch import load_file

from smolc.runtime.evaluate import cull
from smolc.runtime.jobs.done import write_done
from smolc.runtime.jobs.manifest import read_manifest
from smolc.runtime.train import start
from smolc.runtime.train.scratch import bytes_tokenizer

TOKENIZER = bytes_tokenizer(SPECIAL, 128)
GPUS = torch.cuda.device_count()
CPU = pytest.mark.skipif(GPUS > 0, reason="exactly equal on CPUs")
TWO_GPUS = pytest.mark.skipif(GPUS < 2, reason="needs two GPUs")

pytestmark = [pytest.mark.slow, pytest.mark.long]

# Dropout draws random numbers, on each process its own: a part that goes on must draw those of the whole run.
DROPPING = {"adapter": LORA | {"dropout": 0.2}}
ZERO3 = {"parallel": {"type": "zero", "stage": 3, "offload": "none", "sequence": 1}}
FSDP2 = {"parallel": {"type": "fsdp2", "reshard": True, "context": 1, "replicate": 1, "offload": "none"}}
ON_GPUS = FSDP2 | {"device": "cuda", "kernels": "none"}
WAYS = {"ddp": "DDP", "zero": "ZeRO-3", "fsdp2": "FSDP2"}


def job(
    name: str, before: str | None, until: float | None, halved: bool = True, **said: Any
) -> dict[str, Any]:
    needs = ["base", "data", *((before, "cull") if before is not None else ())]
    part = {"before": before, "verdict": "cull" if before is not None else None, "until": until}
    batch = {"global_sequences": 4, "micro": 1, "accumulation": 2, "data_parallel": 2}
    length = {"epochs": None, "steps": 6, "tokens": None}
    about = {"id": name, "needs": needs, "batch": batch, "duration": length, "part": part if halved else None}
    return TRAIN | about | said


def cull_job() -> dict[str, Any]:
    names = ["low", "high"]
    candidates = [{"job": f"{name}-half", "then": name, "values": {}} for name in names]
    about = {
        "title": "",
        "stage": "sft",
        "needs": [f"{name}-half" for name in names],
        "seed": 3,
        "device": "cpu",
    }
    return {"kind": "cull", "id": "cull", **about, "at": 0.5, "keep": 1, "candidates": candidates}


def lost(folder: Path, name: str) -> None:
    """What a run left that is the worse one."""
    out = folder / "out" / name
    out.mkdir(parents=True)
    said = {"eval_loss": 99.0, "train_loss": 99.0, "rung": {"step": 3, "of": 6}}
    (out / "result.json").write_text(json.dumps(said))
    (out / "metrics.jsonl").write_text('{"step": 1, "loss": 99.0}\n')
    finished(folder, name)


@pytest.mark.parametrize(
    ("said", "close"),
    [
        pytest.param(DROPPING, 0.0, id="ddp", marks=CPU),
        pytest.param({"precision": "bf16"}, 0.0, id="ddp-masters", marks=CPU),
        pytest.param(ZERO3, 0.0, id="zero3", marks=[CPU, ZERO]),
        pytest.param(FSDP2, 0.0, id="fsdp2", marks=CPU),
        pytest.param(FSDP2 | {"precision": "bf16"}, 0.0, id="fsdp2-bf16", marks=CPU),
        pytest.param(ON_GPUS, 1e-5, id="gpus", marks=TWO_GPUS),
        pytest.param(ON_GPUS | {"precision": "bf16"}, 1e-3, id="gpus-bf16", marks=TWO_GPUS),
    ],
)
def test_the_parts_of_a_run_are_the_run(tmp_path: Path, said: dict[str, Any], close: float) -> None:
    whole = job("whole", None, None, halved=False, **said)
    halves = [job(f"{name}-half", None, 0.5, **said) for name in ("low", "high")]
    ends = [job(name, f"{name}-half", None, **said) for name in ("low", "high")]
    write_folder(tmp_path, MODEL, whole, *halves, cull_job(), *ends)
    start.run(context_of(tmp_path, "base"))
    write_rows(tmp_path, TOKENIZER, chat_rows(TOKENIZER, 30), chat_rows(TOKENIZER, 37)[30:])
    for id in ("base", "data"):
        finished(tmp_path, id)
    # See there.
    on_cpus = said.get("parallel") == FSDP2["parallel"] and said.get("device") != "cuda"
    path = {"PYTHONPATH": str(Path(__file__).parent / "fsdp_on_cpu")} if on_cpus else {}
    start_job(tmp_path, whole, 2, **path)
    start_job(tmp_path, halves[0], 2, **path)
    lost(tmp_path, "high-half")
    context = context_of(tmp_path, "cull")
    cull.run(context)
    entry = next(e for e in read_manifest(tmp_path).jobs if e.id == "cull")
    write_done(tmp_path, entry, {}, 0.0, context.tells)
    assert "continuing from checkpoint-3" in start_job(tmp_path, ends[0], 2, **path)
    assert "stopped at step 3 of 6" in start_job(tmp_path, ends[1], 2)

    curve = losses(tmp_path, "low")
    assert len(curve) == 6 and curve == pytest.approx(losses(tmp_path, "whole"), rel=close, abs=0.0)
    results = [
        json.loads((tmp_path / f"out/{id}/result.json").read_text()) for id in ("low", "whole", "low-half")
    ]
    assert results[0]["distributed"] == results[1]["distributed"]
    assert WAYS[whole["parallel"]["type"]] in results[0]["distributed"]["distribution"]
    assert results[0]["eval_loss"] == pytest.approx(results[1]["eval_loss"], rel=close, abs=0.0)
    assert results[0]["tokens"] == results[1]["tokens"] > results[2]["tokens"]
    assert [result["rung"] for result in results] == [None, None, {"step": 3, "of": 6}]
    model, other = (load_file(tmp_path / f"out/{id}/model/model.safetensors") for id in ("low", "whole"))
    assert all(torch.allclose(model[key], other[key], rtol=0, atol=close) for key in model)
    assert losses(tmp_path, "high") == [99.0]
