"""Devices that share rows give the losses of one device: Ulysses on CPUs over gloo, context parallel on GPUs.

The launch files are those that `smolc build` would render for the same job.
"""

from __future__ import annotations

import json
import os
import shutil
import sysconfig
from importlib.util import find_spec
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
    launch,
    losses,
    pack,
    write_folder,
    write_rows,
)
from safetensors.torch import load_file

from smolc.compiler.plan.types import Cluster, Job
from smolc.compiler.render.accelerate import accelerate_yaml, deepspeed_json
from smolc.runtime.train import start
from smolc.runtime.train.scratch import bytes_tokenizer

TOKENIZER = bytes_tokenizer(SPECIAL, 128)
GPUS = torch.cuda.device_count()
# On a CPU, deepspeed compiles its communication as it starts.
COMPILES = (
    shutil.which(os.environ.get("CXX", "c++")) is not None
    and (Path(sysconfig.get_path("include")) / "Python.h").is_file()
)
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


def start_job(folder: Path, body: dict[str, Any], processes: int) -> str:
    """What it printed. The launch files are rendered as for a cluster of as many devices."""
    name = body["id"]
    command = ["python"]
    if processes > 1:
        cluster = Cluster("here", body["device"], processes=processes)
        made = Job(name, "train", "", "sft", (), body, "", cluster)
        place = folder / "jobs" / name
        (place / "accelerate.yaml").write_text(accelerate_yaml(made), encoding="utf-8")
        if body["parallel"]["type"] == "zero":
            (place / "deepspeed.json").write_text(deepspeed_json(made), encoding="utf-8")
        command = ["accelerate", "launch", "--config_file", f"jobs/{name}/accelerate.yaml"]
    done = launch(folder, [*command, "-m", "smolc.runtime", f"jobs/{name}/job.yaml"])
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-6000:]
    assert (folder / "out" / name / "done.json").is_file()
    return done.stdout


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


@pytest.fixture(scope="module", params=KINDS)
def alone(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any]]:
    """A folder in which the job `one` ran on one process, and what its job says."""
    said = KINDS[request.param] | {"micro": None}
    said.pop("micro")
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
        pytest.param(4, zero(2, sequence=2), id="zero2-four"),
    ],
)
def test_sequence_parallel_gives_the_losses_of_one(
    alone: tuple[Path, dict[str, Any]], processes: int, parallel: dict[str, Any]
) -> None:
    folder, said = alone
    body = job("shared", processes, 2, **said, parallel=parallel)
    write_folder(folder, MODEL, job("one", 1, **said), body)
    shutil.rmtree(folder / "out" / "shared", ignore_errors=True)
    start_job(folder, body, processes)
    same(folder, "shared", processes)
