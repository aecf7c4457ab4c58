"""Pairs laid end to end: TRL's losses get the numbers that they get of padded batches."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from architectures import model_of
from compiled import DPO, LORA, context_of, losses, pair_rows
from trl.trainer.utils import add_fused_lm_head
from varlen_on_cpu import kernel

from smolc.runtime.train import dpo, reference, run, spread
from smolc.runtime.train.attention import implementation, varlen
from smolc.runtime.train.unpadded import without_padding

FIELDS = "log_probs", "entropy", "mean_logits", "is_top1"


@pytest.fixture(autouse=True)
def of_torch(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    # In fp32, so that what differs is no rounding.
    monkeypatch.setattr(varlen, "half_dtype", lambda value: value.dtype)
    with kernel():
        yield


def batch(left: bool) -> dict[str, torch.Tensor]:
    """Four sequences of 9, 1, 5 and 12 tokens; the last three of each are answers."""
    generator = torch.Generator().manual_seed(2)
    lengths = (9, 1, 5, 12)
    ids = torch.randint(3, 60, (4, 12), generator=generator)
    at = torch.arange(12)
    mask = torch.stack([at >= 12 - n if left else at < n for n in lengths])
    # Nothing predicts a first token.
    last = torch.stack([at >= max(9, 13 - n) if left else (at < n) & (at >= max(1, n - 3)) for n in lengths])
    return {
        "input_ids": ids.where(mask, 0),
        "attention_mask": mask.long(),
        "labels": ids.where(mask & last, -100),
    }


@pytest.mark.parametrize("left", [False, True], ids=["right", "left"])
@pytest.mark.parametrize("name", ["llama", "qwen3", "smollm3", "gemma3"])
def test_all_numbers_per_token_and_gradients_are_those_of_the_padded_batch(name: str, left: bool) -> None:
    found = []
    for flat in (False, True):
        lm = model_of(name, implementation("varlen" if flat else "eager"))
        add_fused_lm_head(lm, outputs=FIELDS)
        if flat:
            without_padding(lm)
        given = batch(left)
        # A padded batch on the left needs to be told where its sequences begin; end to end they say so.
        if left and not flat:
            given["position_ids"] = (given["attention_mask"].cumsum(1) - 1).clamp(min=0)
        out = lm(**given, use_cache=False, fused_lm_head=True)
        out.log_probs[:2].sum().sub(out.log_probs[2:].sum()).backward()
        gradients = torch.cat([p.grad.flatten() for p in lm.parameters() if p.grad is not None])
        found.append([*(getattr(out, field).float() for field in FIELDS), gradients])
    for padded, flat_ in zip(*found, strict=True):
        assert padded.shape == flat_.shape
        padded, flat_ = padded.detach(), flat_.detach()
        torch.testing.assert_close(padded, flat_, rtol=1e-4, atol=1e-4 * float(padded.abs().max()))
    assert float(found[0][0].abs().sum()) > 1


@pytest.mark.parametrize("kept", [True, False], ids=["kept", "in_step"])
@pytest.mark.parametrize("adapter", [{"type": "full"}, LORA | {"dropout": 0.0}], ids=["full", "lora"])
def test_a_run_is_the_padded_one(
    adapter: dict[str, Any], kept: bool, train: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a GPU takes it: with the route of a GPU and torch's varlen_attn, whose kernel is a slow one here."""
    said = {"method": "dpo", "loss": DPO, "adapter": adapter}
    said |= {"duration": {"epochs": None, "steps": 3, "tokens": None}}
    if not kept:
        monkeypatch.setattr(reference, "why_not", lambda *_, **__: "it is asked for")
    folder = train(pair_rows, **said)
    padded = losses(folder, "sft")
    flat: list[bool] = []
    route_of, trainer = spread.route_of, dpo.trainer
    monkeypatch.setattr(
        spread, "route_of", lambda *a, **k: replace(route_of(*a, **k), kind="varlen", flat=True)
    )
    monkeypatch.setattr(
        dpo, "trainer", lambda j, a, parts: (flat.append(parts.flat), trainer(j, a, parts))[1]
    )
    train(pair_rows, **said, go=False)
    run.run(context_of(folder, "sft"))
    assert flat == [True]
    assert losses(folder, "sft") == pytest.approx(padded, rel=1e-5) and padded[-1] != padded[0]


def test_a_reference_in_every_step_computes_in_bf16_as_the_trained_model_does(
    train: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reference, "why_not", lambda *_, **__: "it is asked for")
    said = {"method": "dpo", "loss": DPO, "precision": "bf16"}
    folder = train(pair_rows, **said, duration={"epochs": None, "steps": 1, "tokens": None})
    assert losses(folder, "sft") == [pytest.approx(math.log(2), abs=1e-6)]
