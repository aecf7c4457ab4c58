"""A full GPU: what is said of it, and that what is proposed would fit."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from compiled import LORA, TRAIN, context_of, write_folder

from smolc.runtime.train import footprint, out_of_memory
from smolc.runtime.train.footprint import Shape

GIB = 2**30
# As PyTorch 2.13 writes it.
MESSAGE = (
    "CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has a total capacity of 79.11 GiB of which 1.10 GiB is free. "
    "Process 4242 has 9.00 GiB memory in use. Including non-PyTorch memory, this process has 69.01 GiB memory in use. "
    "Of the allocated memory 60.00 GiB is allocated by PyTorch, and 8.30 GiB is reserved by PyTorch but unallocated. "
    "If reserved but unallocated memory is large try setting PYTORCH_ALLOC_CONF=expandable_segments:True."
)
# SmolLM3's.
ONE_B = Shape(1_236_000_000, 16, 2048, 8192, 16 * (4 * 2048 + 2 * 2560 + 3 * 10240))
THREE_B = Shape(3_075_000_000, 36, 2048, 11008, 36 * (4 * 2048 + 2 * 2560 + 3 * 13056))


def said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shape: Shape | None, **job: Any
) -> tuple[str, list[str]]:
    monkeypatch.setattr(footprint, "shape_at", lambda *_: shape)
    write_folder(tmp_path, TRAIN | {"length": 4096, "precision": "bf16"} | job)
    context = context_of(tmp_path, "sft")
    error = out_of_memory.out_of_memory(context, context.job, torch.OutOfMemoryError(MESSAGE))
    return error.message, str(error.help).splitlines()[1:]


def batch(micro: int, accumulation: int, devices: int = 1) -> dict[str, Any]:
    return {
        "batch": {
            "global_sequences": micro * accumulation * devices,
            "micro": micro,
            "accumulation": accumulation,
            "data_parallel": devices,
        }
    }


def test_what_was_asked_for_and_what_there_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    message, hints = said(tmp_path, monkeypatch, THREE_B, **batch(8, 4))
    assert "2.5 GiB more was asked for, and 1.1 GiB was free" in message
    assert "79.1 GiB, of which this process has 69.0 GiB and others 9.0 GiB" in message
    assert (
        "8 sequences of up to 4096 tokens at once, all weights, bf16, ddp over 1 device, nothing recomputed"
        in message
    )
    assert "end what else runs on this GPU: it has 9.0 GiB" in hints[0]
    assert "expandable_segments" in hints[1]


@pytest.mark.parametrize(
    ("shape", "job", "first"),
    [
        (ONE_B, batch(8, 4), r"micro_batch = [124]: \d+ accumulation steps instead of 4, the same batch"),
        (THREE_B, batch(8, 4), "checkpointing = true"),
        (THREE_B, batch(1, 8), "checkpointing = true"),
        (THREE_B, batch(1, 8) | {"checkpointing": True}, "2 GPUs with parallel = fsdp2"),
        (THREE_B, batch(1, 8, 2) | {"checkpointing": True}, "parallel = fsdp2, over the same 2 devices"),
    ],
)
def test_the_mildest_change_that_fits_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shape: Shape, job: dict[str, Any], first: str
) -> None:
    _, hints = said(tmp_path, monkeypatch, shape, **job)
    assert re.search(first, hints[2]), hints


@pytest.mark.parametrize(
    "job", [batch(8, 4), batch(6, 2), batch(1, 8), batch(4, 2, 4), batch(4, 2) | {"adapter": LORA}]
)
def test_all_that_is_proposed_fits_and_keeps_the_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, job: dict[str, Any]
) -> None:
    _, hints = said(tmp_path, monkeypatch, THREE_B, **job)
    for hint in hints[2:]:
        size = re.search(r"\(about ([\d.]+) (GiB|MiB)\)$", hint)
        assert size, hint
        assert float(size[1]) < 70.2 or size[2] == "MiB", hint
        smaller = re.search(r"micro_batch = (\d+): (\d+) accumulation", hint)
        if smaller:
            per_device = job["batch"]["micro"] * job["batch"]["accumulation"]
            assert int(smaller[1]) * int(smaller[2]) == per_device


def test_what_fits_nowhere_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    huge = Shape(4_000_000_000_000, 100, 16384, 65536, 100 * 500_000)
    _, hints = said(tmp_path, monkeypatch, huge, **batch(1, 1) | {"length": 64})
    assert "nothing small" in hints[2]


def test_without_numbers_it_still_says_something(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(footprint, "shape_at", lambda *_: None)
    write_folder(tmp_path, TRAIN | batch(2, 2))
    context = context_of(tmp_path, "sft")
    error = out_of_memory.out_of_memory(context, context.job, RuntimeError("CUBLAS_STATUS_ALLOC_FAILED"))
    assert "micro_batch = 1: 4 accumulation steps" in str(error.help)


@pytest.mark.parametrize(
    ("error", "yes"),
    [
        (torch.OutOfMemoryError("CUDA out of memory."), True),
        (RuntimeError("CUDA error: out of memory\nCUDA kernel errors ..."), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), True),
        (RuntimeError("shapes do not match"), False),
    ],
)
def test_which_errors_are_taken_for_it(error: RuntimeError, yes: bool) -> None:
    assert out_of_memory.is_out_of_memory(error) is yes


@pytest.mark.parametrize(
    ("said", "seen"),
    [
        # ../shared facts: one H100, fp32 masters, 4 sequences of 4096, checkpointing, Liger: peak 48 GiB before masters.
        ({"checkpointing": True, **batch(4, 1)}, (45, 75)),
        # Pure bf16, 2 sequences, no checkpointing: 57 GiB, and 46 with Liger.
        ({"precision": "bf16_pure", **batch(2, 1)}, (40, 65)),
    ],
)
def test_the_estimate_is_near_what_was_measured(
    tmp_path: Path, said: dict[str, Any], seen: tuple[int, int]
) -> None:
    write_folder(tmp_path, TRAIN | {"length": 4096, "precision": "bf16"} | said)
    job = context_of(tmp_path, "sft").job
    plan = footprint.plan_of(job)
    total = footprint.weights(job, THREE_B, plan) + footprint.activations(job, THREE_B, plan)
    assert seen[0] < total / GIB < seen[1], total / GIB


def test_the_shape_is_that_of_the_model(tmp_path: Path) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, vocab_size=100
    )
    with torch.device("meta"):
        shape = footprint.shape_of(LlamaForCausalLM(config))
    assert shape.parameters == 2 * (4 * 32 * 32 + 3 * 32 * 64 + 64) + 32 + 2 * 100 * 32
    assert shape.in_and_out == 2 * (4 * 64 + 3 * 96)
