"""Which kernels a run takes, and when a micro batch becomes a CUDA graph."""

from typing import Any

import numpy as np
import pytest
import torch
from compiled import LORA, TRAIN

from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.train import TrainJob
from smolc.runtime.train import speed
from smolc.runtime.train.flat import fixed_shape, lay_out
from smolc.runtime.train.linear_loss import IGNORED
from smolc.runtime.train.speed import Speed, choose

SMALL, LARGE = 135_000_000, 3_000_000_000
SHORT, LONG = 4_000_000, 2_000_000_000
ZERO = {"type": "zero", "stage": 3, "offload": "none"}
ROWS = {"packing": "best_fit", "length": 2048, "precision": "bf16"}


def chosen(
    monkeypatch: pytest.MonkeyPatch,
    parameters: int,
    tokens: int,
    *,
    installed: tuple[str, ...] = ("liger_kernel", "triton"),
    on_cuda: bool = True,
    packed: bool = True,
    **said: Any,
) -> Speed:
    monkeypatch.setattr(speed, "find_spec", lambda name: name if name in installed else None)
    job = TrainJob.model_validate(TRAIN | ROWS | said)
    return choose(job, on_cuda=on_cuda, flat=on_cuda, packed=packed, parameters=parameters, tokens=tokens)


@pytest.mark.parametrize(
    ("parameters", "tokens", "said", "kernels", "graph"),
    [
        (SMALL, SHORT, {}, "liger", True),
        (SMALL, SHORT, {"installed": ()}, "plain", True),
        (SMALL, SHORT, {"kernels": "none"}, "plain", False),
        (SMALL, SHORT, {"adapter": LORA}, "liger", True),
        (SMALL, SHORT, {"adapter": LORA | {"dropout": 0.1}}, "liger", False),
        (SMALL, SHORT, {"loss": {"type": "cross_entropy", "neftune": 5.0}}, "liger", False),
        (SMALL, SHORT, {"checkpointing": 1.0}, "liger", False),
        (SMALL, SHORT, {"precision": "bf16_pure"}, "liger", False),
        (SMALL, SHORT, {"packed": False}, "liger", False),
        (SMALL, SHORT, {"parallel": ZERO}, "liger", False),
        (LARGE, SHORT, {}, "liger", False),
        (LARGE, LONG, {}, "compiled", False),
        (LARGE, LONG, {"kernels": "liger"}, "liger", False),
        (LARGE, LONG, {"installed": ("liger_kernel",)}, "liger", False),
        (LARGE, LONG, {"parallel": ZERO}, "compiled", False),
        (LARGE, LONG, {"parallel": ZERO, "adapter": LORA}, "liger", False),
        (LARGE, LONG, {"packed": False}, "liger", False),
        (LARGE, LONG, {"on_cuda": False}, "plain", False),
        (LARGE, SHORT, {"kernels": "compiled"}, "compiled", False),
        (LARGE, SHORT, {"kernels": "compiled", "parallel": ZERO}, "compiled", False),
    ],
)
def test_what_pays(
    monkeypatch: pytest.MonkeyPatch,
    parameters: int,
    tokens: int,
    said: dict[str, Any],
    kernels: str,
    graph: bool,
) -> None:
    found = chosen(monkeypatch, parameters, tokens, **said)
    assert (found.kernels, found.graph) == (kernels, graph)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"kernels": "compiled", "on_cuda": False}, "no GPU"),
        ({"kernels": "liger", "installed": ("triton",)}, "liger_kernel is not installed"),
        ({"kernels": "compiled", "parallel": ZERO | {"sequence": 2}}, "inside of the layers"),
        ({"kernels": "compiled", "parallel": ZERO, "adapter": LORA}, "inside of layers that are frozen"),
    ],
)
def test_what_cannot_be_had_is_said(monkeypatch: pytest.MonkeyPatch, said: dict[str, Any], why: str) -> None:
    with pytest.raises(JobError, match=why):
        chosen(monkeypatch, SMALL, SHORT, **said)


@pytest.mark.parametrize(
    "rows", [[[5, 3], [10]], [[10], [10]], [[1] * 10, [2]], [[4], [4]]], ids=["a", "full", "many", "short"]
)
def test_every_flat_batch_has_one_shape(rows: list[list[int]]) -> None:
    # More sequences elsewhere in the run than in this batch.
    counts = np.array([len(row) for row in rows] + [9, 4])
    fixed = fixed_shape(counts, 2, 10, np.arange(4))
    ids = [torch.arange(sum(row)) for row in rows]
    batch = lay_out(ids, [x + 1 for x in ids], [n for row in rows for n in row], 7, fixed)
    assert batch["input_ids"].shape == batch["labels"].shape == batch["position_ids"].shape == (1, 20)
    bounds = batch["cu_seq_lens_q"]
    assert bounds.dtype is torch.int32 and len(bounds) == fixed.sequences + 1  # type: ignore[operator]
    assert (
        bounds[0] == 0
        and bounds[-1] == 20
        and bool((bounds.diff() >= 0).all())
        and int(bounds.diff().max()) <= 10
    )
    real = sum(map(sum, rows))
    assert torch.equal(batch["input_ids"][0, :real], torch.cat(ids))
    assert bool((batch["labels"][0, real:] == IGNORED).all()) and bool(
        (batch["input_ids"][0, real:] == 7).all()
    )
    assert batch["max_length_q"] == 10
