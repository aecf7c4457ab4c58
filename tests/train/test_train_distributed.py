"""The same run on one process and on two, started as a launch.sh starts it: the losses are equal.

`launch/` holds what `smolc build` renders as accelerate.yaml and deepspeed.json.
"""

import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from compiled import (
    DPO,
    LORA,
    MODEL,
    SPECIAL,
    TRAIN,
    ZERO,
    chat_rows,
    context_of,
    finished,
    launch,
    launcher,
    losses,
    pair_rows,
    write_folder,
    write_rows,
)
from safetensors.torch import load_file

from smolc.compiler.render.environment import render
from smolc.runtime.train import start
from smolc.runtime.train.scratch import bytes_tokenizer

LAUNCH = Path(__file__).parent / "launch"
TOKENIZER = bytes_tokenizer(SPECIAL, 128)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(torch.cuda.is_available(), reason="the launch files are for a CPU"),
]


def job(name: str, processes: int, **said: Any) -> dict[str, Any]:
    batch = {
        "global_sequences": 4,
        "micro": 1,
        "accumulation": 4 // processes,
        "data_parallel": processes,
    }
    length = {"epochs": None, "steps": 12, "tokens": None}
    return TRAIN | {"id": name, "batch": batch, "duration": length} | said


def zero(stage: int) -> dict[str, Any]:
    return {"parallel": {"type": "zero", "stage": stage, "offload": "none"}}


def start_job(folder: Path, name: str, config: str | None, deepspeed: str | None) -> None:
    command = ["python"]
    if config is not None:
        text = (LAUNCH / config).read_text().replace("deepspeed.json", f"jobs/{name}/deepspeed.json")
        (folder / "jobs" / name / "accelerate.yaml").write_text(text)
        command = launcher(f"jobs/{name}/accelerate.yaml")
    if deepspeed is not None:
        shutil.copy(LAUNCH / deepspeed, folder / "jobs" / name / "deepspeed.json")
    done = launch(folder, [*command, "-m", "smolc.runtime", f"jobs/{name}/job.yaml"])
    assert done.returncode == 0, done.stdout + done.stderr
    assert (folder / "out" / name / "done.json").is_file()


WAYS = [
    pytest.param("ddp", {}, "ddp_cpu.yaml", None, id="ddp"),
    pytest.param("zero2", zero(2), "zero_cpu.yaml", "zero2.json", id="zero2", marks=[ZERO, pytest.mark.long]),
    pytest.param("zero3", zero(3), "zero_cpu.yaml", "zero3.json", id="zero3", marks=ZERO),
]


# Full training of plain and packed rows is in test_one_mathematics.py, DPO over processes in losses/test_losses_spread.py,
# too.
@pytest.fixture(scope="module", params=["lora", pytest.param("dpo", marks=pytest.mark.long)])
def alone(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, Any]]:
    """A folder in which the job `one` ran on one process, and what its job says."""
    folder = tmp_path_factory.mktemp("spread")
    kind = request.param
    said: dict[str, Any] = {"lora": {"adapter": LORA, "checkpointing": True}}.get(kind, {})
    if kind == "dpo":
        said = {"method": "dpo", "loss": DPO}
    write_folder(folder, MODEL, job("one", 1, **said))
    start.run(context_of(folder, "base"))
    rows = pair_rows if kind == "dpo" else chat_rows
    both = rows(TOKENIZER, 50), rows(TOKENIZER, 61)[50:]
    write_rows(folder, TOKENIZER, *both)
    finished(folder, "base")
    finished(folder, "data")
    start_job(folder, "one", None, None)
    return folder, said


@pytest.mark.parametrize(("name", "parallel", "config", "deepspeed"), WAYS)
def test_two_processes_give_the_losses_of_one(
    alone: tuple[Path, dict[str, Any]],
    name: str,
    parallel: dict[str, Any],
    config: str,
    deepspeed: str | None,
) -> None:
    folder, said = alone
    write_folder(folder, MODEL, job("one", 1, **said), job(name, 2, **said, **parallel))
    start_job(folder, name, config, deepspeed)
    assert losses(folder, name) == pytest.approx(losses(folder, "one"), abs=1e-4)
    results = [json.loads((folder / "out" / job / "result.json").read_text()) for job in ("one", name)]
    assert results[1]["world_size"] == 2
    for key in ("eval_loss", "tokens", "trained_tokens", "parameters", "trainable_parameters"):
        assert results[1][key] == pytest.approx(results[0][key], abs=1e-4), key
    weights = [load_file(folder / "out" / job / "model/model.safetensors") for job in ("one", name)]
    assert weights[0].keys() == weights[1].keys()
    for key, tensor in weights[0].items():
        assert torch.allclose(tensor, weights[1][key], atol=1e-4), key


def test_fsdp_does_not_quietly_become_ddp(tmp_path: Path) -> None:
    fsdp = {"parallel": {"type": "fsdp2", "reshard": True}}
    write_folder(tmp_path, MODEL, job("fsdp", 2, **fsdp))
    start.run(context_of(tmp_path, "base"))
    write_rows(tmp_path, TOKENIZER, chat_rows(TOKENIZER, 8), [])
    shutil.copy(LAUNCH / "ddp_cpu.yaml", tmp_path / "jobs/fsdp/accelerate.yaml")
    command = launcher("jobs/fsdp/accelerate.yaml")
    done = launch(tmp_path, [*command, "-m", "smolc.runtime", "jobs/fsdp/job.yaml"])
    assert done.returncode != 0 and not (tmp_path / "out/fsdp/done.json").exists()
    assert "error: what was built is not what the job asks for" in done.stderr


# What a shell may hold, or a user's `accelerate config` may have left.
NASTY = {
    "ACCELERATE_USE_DEEPSPEED": "true",
    "ACCELERATE_DEEPSPEED_ZERO_STAGE": "2",
    "ACCELERATE_GRADIENT_ACCUMULATION_STEPS": "8",
    "ACCELERATE_MIXED_PRECISION": "fp16",
    "ACCELERATE_USE_PARALLELISM_CONFIG": "true",
    "PARALLELISM_CONFIG_CP_SIZE": "2",
    "FSDP_OFFLOAD_PARAMS": "true",
}


@pytest.fixture
def shell(tmp_path: Path) -> dict[str, str]:
    """NASTY, and a default configuration of accelerate that asks for something else, too."""
    config = tmp_path / "home" / "accelerate" / "default_config.yaml"
    config.parent.mkdir(parents=True)
    config.write_text((LAUNCH / "ddp_cpu.yaml").read_text().replace("'no'", "fp16"))
    return NASTY | {"HF_HOME": str(config.parents[1])}


def one_way(folder: Path) -> None:
    write_folder(folder, MODEL, job("one", 1))
    start.run(context_of(folder, "base"))
    write_rows(folder, TOKENIZER, chat_rows(TOKENIZER, 50), [])
    finished(folder, "base")
    finished(folder, "data")


def test_launch_sh_takes_nothing_from_the_shell(tmp_path: Path, shell: dict[str, str]) -> None:
    one_way(tmp_path)
    config = (
        (LAUNCH / "ddp_cpu.yaml")
        .read_text()
        .replace("MULTI_GPU", "'NO'")
        .replace("processes: 2", "processes: 1")
    )
    (tmp_path / "jobs/one/accelerate.yaml").write_text(config)
    text = render("launch.sh.j2", id="one", title="one", notes=[], accelerate=True, nodes=1, world=1)
    (tmp_path / "jobs/one/launch.sh").write_text(text)
    done = launch(tmp_path, ["bash", "jobs/one/launch.sh"], SMOLC_PYTHON=sys.executable, **shell)
    assert done.returncode == 0, done.stdout + done.stderr
    table = json.loads((tmp_path / "out/one/result.json").read_text())["faithful"]
    built = {what: built for what, _, built in table}
    assert (built["processes"], built["distribution"], built["computed in"]) == ("1", "one process", "fp32")


@ZERO
def test_without_it_the_difference_is_told(tmp_path: Path, shell: dict[str, str]) -> None:
    one_way(tmp_path)
    # These, accelerate and transformers refuse themselves.
    del shell["ACCELERATE_USE_PARALLELISM_CONFIG"], shell["ACCELERATE_GRADIENT_ACCUMULATION_STEPS"]
    done = launch(tmp_path, ["python", "-m", "smolc.runtime", "jobs/one/job.yaml"], **shell)
    assert done.returncode == 1 and not (tmp_path / "out/one/done.json").exists()
    assert "error: what was built is not what the job asks for" in done.stderr
    assert re.search(r"distribution +one process +ZeRO-2", done.stderr)
    assert "Traceback" not in done.stderr
