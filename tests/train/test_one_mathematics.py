"""One recipe, one loss curve: the first 20 losses do not depend on how a run is spread, packed, cut or checkpointed.

Packed rows hold the very documents that the same step trains unpacked. Documents differ in length, so a loss that is
averaged over batches or devices instead of trained tokens is another one.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from compiled import (
    MODEL,
    SPECIAL,
    TRAIN,
    ZERO,
    context_of,
    finished,
    launch,
    launcher,
    losses,
    word,
    write_folder,
    write_rows,
)
from safetensors.torch import load_file

from smolc.runtime.train import run, start
from smolc.runtime.train.scratch import bytes_tokenizer
from smolc.runtime.train.steps import Length, row_order

LAUNCH = Path(__file__).parent / "launch"
TOKENIZER = bytes_tokenizer(SPECIAL, 128)
STEPS, DOCUMENTS, SEED = 20, 4, 3
CLOSE = {"fp32": 1e-4, "bf16": 2e-3}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(torch.cuda.is_available(), reason="bench/same_losses.py is for GPUs"),
]

Row = dict[str, list[int]]


def document(i: int) -> Row:
    """One to six words to reverse."""
    text = " ".join(word(i + 7 * k) for k in range(i % 6 + 1))
    prompt = TOKENIZER.encode(f"<|im_start|>{text[: 3 + i % 9]}<|im_end|>")
    answer = TOKENIZER.encode(f"{text[::-1]}<|im_end|>")
    return {"input_ids": prompt + answer, "labels": [-100] * len(prompt) + answer}


def together(rows: list[Row]) -> Row:
    joined = {name: [x for row in rows for x in row[name]] for name in ("input_ids", "labels")}
    return joined | {"seq_lengths": [len(row["input_ids"]) for row in rows]}


def packed(rows: list[Row]) -> list[Row]:
    """Two rows a step, of two documents each, where the order of the packed run finds those of the unpacked one."""
    single = row_order(Length(STEPS, len(rows), DOCUMENTS), SEED).reshape(-1, 2)
    places = row_order(Length(STEPS, len(single), 2), SEED)
    made: list[Row] = [{}] * len(single)
    for place, documents in zip(places, single, strict=True):
        made[int(place)] = together([rows[i] for i in documents])
    return made


def job(name: str, micro: int, accumulation: int, processes: int = 1, **said: Any) -> dict[str, Any]:
    batch = {"micro": micro, "accumulation": accumulation, "data_parallel": processes}
    batch["global_sequences"] = int(np.prod(list(batch.values())))
    length = {"epochs": None, "steps": STEPS, "tokens": None}
    return TRAIN | {"id": name, "seed": SEED, "length": 128, "batch": batch, "duration": length} | said


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Path]:
    """Prepared data, unpacked and packed."""
    made = {}
    rows = [document(i) for i in range(STEPS * DOCUMENTS)]
    for is_packed in (False, True):
        folder = made[is_packed] = tmp_path_factory.mktemp("packed" if is_packed else "rows")
        write_folder(folder, MODEL)
        start.run(context_of(folder, "base"))
        write_rows(
            folder, TOKENIZER, packed(rows) if is_packed else rows, [document(i) for i in range(90, 97)]
        )
        finished(folder, "data")
    return made


@pytest.fixture(scope="module")
def alone(folders: dict[bool, Path]) -> dict[str, list[float]]:
    """The curve of one process with whole batches, for each precision."""
    folder = folders[False]
    for precision in CLOSE:
        here(folder, job(f"one-{precision}", DOCUMENTS, 1, precision=precision))
    curves = {precision: losses(folder, f"one-{precision}") for precision in CLOSE}
    for curve in curves.values():
        assert len(curve) == STEPS and curve[-1] < curve[0]
    return curves


def here(folder: Path, said: dict[str, Any]) -> list[float]:
    write_folder(folder, MODEL, said)
    finished(folder, "base")
    run.run(context_of(folder, said["id"]))
    return losses(folder, said["id"])


def farthest(curve: list[float], reference: list[float]) -> float:
    """The largest relative difference."""
    return max(abs(a - b) / abs(b) for a, b in zip(curve, reference, strict=True))


@pytest.mark.parametrize("precision", CLOSE)
@pytest.mark.parametrize(
    ("is_packed", "said"),
    [
        pytest.param(False, job("split", 1, 4), id="micro batches of one"),
        pytest.param(False, job("halves", 2, 2, checkpointing=True), id="halves, checkpointed"),
        pytest.param(True, job("packed", 1, 2, packing="best_fit"), id="packed"),
        pytest.param(
            True, job("both", 2, 1, packing="best_fit", checkpointing=True), id="packed, checkpointed"
        ),
    ],
)
def test_one_process(
    folders: dict[bool, Path],
    alone: dict[str, list[float]],
    is_packed: bool,
    said: dict[str, Any],
    precision: str,
) -> None:
    said = said | {"id": f"{said['id']}-{precision}", "precision": precision}
    assert farthest(here(folders[is_packed], said), alone[precision]) < CLOSE[precision]


def zero(stage: int) -> dict[str, Any]:
    return {"type": "zero", "stage": stage, "offload": "none"}


FSDP2 = {"type": "fsdp2", "reshard": True}
# Both precisions, packed and not, checkpointed and not meet each way of spreading once or twice.
WAYS = [
    pytest.param("ddp", {"type": "ddp"}, "bf16", True, False, id="ddp-bf16-packed"),
    pytest.param("ddp", {"type": "ddp"}, "fp32", False, True, id="ddp-fp32-checkpointed"),
    pytest.param("fsdp", FSDP2, "bf16", False, True, id="fsdp2-bf16-checkpointed", marks=pytest.mark.long),
    pytest.param("fsdp", FSDP2, "fp32", True, False, id="fsdp2-fp32-packed"),
    pytest.param("zero", zero(1), "bf16", False, False, id="zero1-bf16", marks=[ZERO, pytest.mark.long]),
    pytest.param(
        "zero",
        zero(2),
        "bf16",
        True,
        True,
        id="zero2-bf16-packed-checkpointed",
        marks=[ZERO, pytest.mark.long],
    ),
    pytest.param("zero", zero(3), "bf16", False, False, id="zero3-bf16", marks=[ZERO, pytest.mark.long]),
    pytest.param("zero", zero(3), "fp32", True, True, id="zero3-fp32-packed-checkpointed", marks=ZERO),
]


@pytest.mark.parametrize(("way", "parallel", "precision", "is_packed", "checkpointing"), WAYS)
def test_two_processes(
    folders: dict[bool, Path],
    alone: dict[str, list[float]],
    way: str,
    parallel: dict[str, Any],
    precision: str,
    is_packed: bool,
    checkpointing: bool,
) -> None:
    folder = folders[is_packed]
    name = f"{way}{parallel.get('stage', '')}-{precision}"
    said = {"parallel": parallel, "precision": precision, "checkpointing": checkpointing}
    if is_packed:
        said["packing"] = "best_fit"
    write_folder(folder, MODEL, job(name, 1, 1 if is_packed else 2, 2, **said))
    finished(folder, "base")
    config = folder / "jobs" / name / "accelerate.yaml"
    text = (LAUNCH / f"{way}_cpu.yaml").read_text()
    config.write_text(text.replace("deepspeed.json", f"jobs/{name}/deepspeed.json"))
    if way == "zero":
        settings = json.loads((LAUNCH / "zero3.json").read_text())
        settings["zero_optimization"]["stage"] = parallel["stage"]
        (config.parent / "deepspeed.json").write_text(json.dumps(settings))
    program = [str(LAUNCH / "fsdp_on_gloo.py")] if way == "fsdp" else ["-m", "smolc.runtime"]
    command = [*launcher(config), *program, f"jobs/{name}/job.yaml"]
    done = launch(folder, command)
    assert done.returncode == 0, done.stdout + done.stderr
    assert farthest(losses(folder, name), alone[precision]) < CLOSE[precision]
    table = json.loads((folder / "out" / name / "result.json").read_text())["faithful"]
    built = {what: built for what, _, built in table}
    spread = {"ddp": "DDP", "fsdp": "FSDP2", "zero": f"ZeRO-{parallel.get('stage')}"}[way]
    assert (built["processes"], built["distribution"]) == ("2", spread)
    assert (built["updated in (masters)"], built["computed in"]) == ("fp32", precision)
    # Not only the losses: what comes out is the same model, in the end.
    if not is_packed:
        weights = [
            load_file(folder / "out" / n / "model/model.safetensors") for n in (f"one-{precision}", name)
        ]
        assert weights[0].keys() == weights[1].keys()
        for key, tensor in weights[0].items():
            near = 1e-4 if precision == "fp32" else 2e-2
            assert torch.allclose(tensor.float(), weights[1][key].float(), atol=near), key
