"""Devices that share rows give the losses of one device: Ulysses on CPUs over gloo, context parallel on GPUs.

The launch files are those that `smolc build` would render for the same job.
"""

from __future__ import annotations

import json
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
from compiled import (
    COMPILES,
    LORA,
    MODEL,
    SPECIAL,
    TRAIN,
    chat_rows,
    context_of,
    finished,
    losses,
    pack,
    start_job,
    write_folder,
    write_rows,
)
from safetensors.torch import load_file

from smolc.runtime.train import start
from smolc.runtime.train.scratch import bytes_tokenizer

TOKENIZER = bytes_tokenizer(SPECIAL, 128)
GPUS = torch.cuda.device_count()
ZERO = pytest.mark.skipif(
    find_spec("deepspeed") is None or not COMPILES or bool(GPUS),
    reason="needs deepspeed, a C++ compiler and Python's headers, and no GPU",
)
TWO_GPUS = pytest.mark.skipif(GPUS < 2, reason="context parallel and FSDP2 run on GPUs only: needs two")

pytestmark = pytest.mark.slow


def job(name: str, processes: int, sharers: int = 1, **said: Any) -> dict[str, Any]:
    groups = processes // sharers
    batch = {"global_sequences": 6, "micro": 1, "accumulation": 6 // groups, "data_parallel": groups}
    length = {"epochs": None, "steps": 8, "tokens": None}
    return TRAIN | {"id": name, "batch": batch, "duration": length} | said


def zero(stage: int, sequence: int = 1, offload: str = "none") -> dict[str, Any]:
    return {"type": "zero", "stage": stage, "offload": offload, "sequence": sequence}


def fsdp2(**said: Any) -> dict[str, Any]:
    return {"type": "fsdp2", "reshard": True, "context": 1, "replicate": 1, "offload": "none"} | said


KINDS: dict[str, dict[str, Any]] = {
    "padded": {},
    "lora": {"adapter": LORA, "checkpointing": True},
    "packed": {"packing": "best_fit", "length": 128},
}


def prepared(folder: Path, body: dict[str, Any]) -> None:
    """The start model and the rows, whose lengths no number divides."""
    write_folder(folder, MODEL, body)
    start.run(context_of(folder, "base"))
    rows = chat_rows(TOKENIZER, 60)
    train, held_out = rows[:50], rows[50:]
    if body["packing"] != "none":
        train, held_out = pack(rows, 125), pack(held_out, 125)
    write_rows(folder, TOKENIZER, train, held_out)
    finished(folder, "base")
    finished(folder, "data")


# CI takes one of them.
RUNS = [pytest.param(kind, marks=() if kind == "packed" else pytest.mark.long) for kind in KINDS]


@pytest.fixture(scope="module", params=RUNS)
def alone(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any]]:
    """A folder in which the job `one` ran on one process, and what its job says."""
    said = KINDS[request.param]
    folder = tmp_path_factory.mktemp("shared")
    body = job("one", 1, **said)
    prepared(folder, body)
    start_job(folder, body, 1)
    return folder, said


def same(folder: Path, name: str, world: int) -> None:
    assert losses(folder, name) == pytest.approx(losses(folder, "one"), abs=1e-4)
    results = [json.loads((folder / "out" / job / "result.json").read_text()) for job in ("one", name)]
    assert results[1]["world_size"] == world
    for key in ("eval_loss", "tokens", "trained_tokens", "parameters", "trainable_parameters"):
        assert results[1][key] == pytest.approx(results[0][key], abs=1e-4), key
    weights = [load_file(folder / "out" / job / "model/model.safetensors") for job in ("one", name)]
    assert weights[0].keys() == weights[1].keys()
    for key, tensor in weights[0].items():
        assert torch.allclose(tensor, weights[1][key], atol=2e-4), key


@ZERO
@pytest.mark.parametrize(
    ("processes", "parallel"),
    [
        pytest.param(2, zero(3, sequence=2), id="zero3-two"),
        pytest.param(4, zero(2, sequence=2), id="zero2-four", marks=pytest.mark.long),
    ],
)
def test_sequence_parallel_gives_the_losses_of_one(
    alone: tuple[Path, dict[str, Any]], processes: int, parallel: dict[str, Any]
) -> None:
    folder, said = alone
    if processes > 2 and "packing" not in said:
        pytest.skip("two groups, each of two devices, are for packed rows")
    body = job("shared", processes, 2, **said, parallel=parallel)
    write_folder(folder, MODEL, job("one", 1, **said), body)
    shutil.rmtree(folder / "out" / "shared", ignore_errors=True)
    start_job(folder, body, processes)
    same(folder, "shared", processes)


@ZERO
@pytest.mark.long
def test_a_run_that_shares_rows_continues_where_it_was(tmp_path: Path) -> None:
    body = job("one", 2, 2, parallel=zero(2, sequence=2), keep=2) | {
        "save_every": {"steps": 4, "fraction": None}
    }
    prepared(tmp_path, body)
    start_job(tmp_path, body, 2)
    before, out = losses(tmp_path, "one"), tmp_path / "out" / "one"
    (out / "done.json").unlink()
    shutil.rmtree(out / "checkpoints" / "checkpoint-8")
    assert "continuing from checkpoint-4" in start_job(tmp_path, body, 2)
    assert losses(tmp_path, "one") == before


@ZERO
@pytest.mark.long
@pytest.mark.parametrize(
    "parallel",
    [
        pytest.param(zero(1, offload="optimizer"), id="zero1-optimizer"),
        pytest.param(zero(3, offload="all"), id="zero3-all"),
    ],
)
def test_offloading_gives_the_losses_of_one(
    alone: tuple[Path, dict[str, Any]], parallel: dict[str, Any]
) -> None:
    folder, said = alone
    if said:
        pytest.skip("once is enough: DeepSpeed's Adam on the CPU does not know rows")
    body = job("moved", 2, **said, parallel=parallel)
    write_folder(folder, MODEL, job("one", 1, **said), body)
    shutil.rmtree(folder / "out" / "moved", ignore_errors=True)
    start_job(folder, body, 2)
    same(folder, "moved", 2)


def about(losses: list[float], precision: str) -> Any:
    """Within 1e-4 in fp32, and 2e-3 relative in bf16."""
    return (
        pytest.approx(losses, rel=0.0, abs=1e-4) if precision == "fp32" else pytest.approx(losses, rel=2e-3)
    )


@TWO_GPUS
@pytest.mark.parametrize(
    ("parallel", "precision"),
    [
        pytest.param(fsdp2(context=2), "bf16", id="context-bf16"),
        pytest.param(fsdp2(offload="all"), "fp32", id="offload-fp32"),
        pytest.param(fsdp2(offload="all"), "bf16", id="offload-bf16"),
        pytest.param(zero(3, sequence=2), "fp32", id="sequence-fp32"),
        pytest.param(zero(3, sequence=2), "bf16", id="sequence-bf16"),
    ],
)
def test_two_gpus_give_the_losses_of_one(tmp_path: Path, parallel: dict[str, Any], precision: str) -> None:
    said: dict[str, Any] = {"device": "cuda", "precision": precision, "kernels": "none"}
    sharers = max(parallel.get("context", 1), parallel.get("sequence", 1))
    one, body = job("one", 1, **said), job("two", 2, sharers, **said, parallel=parallel)
    prepared(tmp_path, one)
    start_job(tmp_path, one, 1)
    write_folder(tmp_path, MODEL, one, body)
    start_job(tmp_path, body, 2)
    assert losses(tmp_path, "two") == about(losses(tmp_path, "one"), precision)


@pytest.mark.skipif(GPUS < 4, reason="copies of sharded weights need four GPUs")
@pytest.mark.parametrize(
    ("said", "precision"),
    [
        pytest.param({"replicate": 2}, "fp32", id="copies"),
        pytest.param({"context": 2}, "bf16", id="context"),
    ],
)
def test_four_gpus_give_the_losses_of_one(tmp_path: Path, said: dict[str, Any], precision: str) -> None:
    common: dict[str, Any] = {"device": "cuda", "precision": precision, "kernels": "none"}
    groups = 4 // said.get("context", 1)
    batch = {"global_sequences": 8, "micro": 1, "accumulation": 8 // groups, "data_parallel": groups}
    one = job("one", 1, **common) | {"batch": batch | {"accumulation": 8, "data_parallel": 1}}
    body = job("four", 4, **common, parallel=fsdp2(**said)) | {"batch": batch}
    prepared(tmp_path, one)
    start_job(tmp_path, one, 1)
    write_folder(tmp_path, MODEL, one, body)
    start_job(tmp_path, body, 4)
    assert losses(tmp_path, "four") == about(losses(tmp_path, "one"), precision)
