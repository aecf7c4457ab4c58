"""Rows that devices share: how they are divided, kept apart in attention, and which models cannot be trained so."""

from __future__ import annotations

from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from compiled import TRAIN
from transformers import LlamaConfig, MistralConfig, MixtralConfig

from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.train import TrainJob
from smolc.runtime.train.rows import Collator
from smolc.runtime.train.spread import check_model, parts_of, route_of
from smolc.runtime.train.ulysses import GroupBatches, PartOf, masked_documents


def job(kind: str, size: int, **said: Any) -> TrainJob:
    parallel: dict[str, Any] = {"type": "zero", "stage": 3, "offload": "none", "sequence": size}
    if kind == "context":
        parallel = {"type": "fsdp2", "reshard": True, "context": size, "replicate": 1, "offload": "none"}
    body = {name: value for name, value in TRAIN.items() if name != "kind"}
    return TrainJob(kind="train", **(body | {"parallel": parallel} | said))


def llama(**said: Any) -> LlamaConfig:
    return LlamaConfig(**({"hidden_size": 64, "num_attention_heads": 8, "num_key_value_heads": 2} | said))


@pytest.mark.parametrize(
    ("kind", "size", "parts"), [("context", 1, 1), ("context", 3, 6), ("sequence", 4, 4)]
)
def test_rows_are_filled_up_to_what_can_be_divided(kind: str, size: int, parts: int) -> None:
    assert parts_of(job(kind, size)) == parts
    if parts == 1:
        return
    rows = [{"input_ids": [*range(1, n)], "labels": [*range(1, n)]} for n in (6, 9)]
    batch = Collator(0, flat=False, parts=parts)(rows)
    assert {value.shape for value in batch.values()} == {(2, -(-8 // parts) * parts)}
    assert "attention_mask" not in batch
    assert batch["shift_labels"][0].tolist()[:6] == [2, 3, 4, 5, -100, -100]
    assert batch["position_ids"][1].tolist()[:8] == [*range(8)]


def test_the_parts_of_a_row_are_the_row() -> None:
    rows = [{"input_ids": [*range(1, n)], "labels": [*range(1, n)]} for n in (6, 9)]
    whole = Collator(0, flat=False, parts=4)
    parts = [PartOf(whole, part, 4)(rows) for part in range(4)]
    for name in ("input_ids", "shift_labels", "position_ids"):
        assert torch.equal(torch.cat([part[name] for part in parts], dim=1), whole(rows)[name]), name
    assert all("labels" not in part for part in parts)


def test_groups_take_batches_in_turn() -> None:
    order = np.arange(24)
    groups = [list(GroupBatches(order, micro=2, groups=3, group=g)) for g in range(3)]
    assert groups[1] == [[2, 3], [8, 9], [14, 15], [20, 21]]
    assert sorted(n for group in groups for batch in group for n in batch) == order.tolist()


def test_documents_of_a_row_do_not_see_each_other() -> None:
    torch.manual_seed(0)
    query, key, value = (torch.randn(2, 4, 9, 8) for _ in range(3))
    positions = torch.tensor([[0, 1, 2, 3, 0, 1, 2, 3, 4], [0, 1, 0, 1, 2, 3, 4, 5, 6]])
    module = torch.nn.Module()
    out, _ = masked_documents(module, query, key, value, None, position_ids=positions)
    for row, bounds in enumerate([(0, 4, 9), (0, 2, 9)]):
        for begin, end in pairwise(bounds):
            alone = torch.nn.functional.scaled_dot_product_attention(
                *(x[row : row + 1, :, begin:end] for x in (query, key, value)), is_causal=True
            )
            assert torch.allclose(out[row : row + 1, begin:end].transpose(1, 2), alone, atol=1e-6)


@pytest.mark.parametrize(
    ("kind", "size", "config", "said"),
    [
        ("sequence", 3, llama(), "8 attention heads (2 of keys and values) cannot be divided among 3"),
        ("sequence", 4, llama(hidden_size=96, num_attention_heads=12, num_key_value_heads=6), "12 attention heads"),
        ("context", 2, MistralConfig(sliding_window=32), "layers with sliding_attention"),
        ("sequence", 2, MistralConfig(sliding_window=32), "layers with sliding_attention"),
        ("sequence", 2, MixtralConfig(), "balances its experts"),
        ("context", 2, SimpleNamespace(layer_types=["linear_attention", "full_attention"]), "linear_attention"),
    ],
)  # fmt: skip
def test_models_that_cannot_share_rows(kind: str, size: int, config: Any, said: str) -> None:
    with pytest.raises(JobError) as error:
        check_model(job(kind, size), config, "sdpa")
    assert said in error.value.message
    assert error.value.help


@pytest.mark.parametrize(
    ("kind", "size", "config", "attention"),
    [
        ("sequence", 2, llama(), "sdpa"),
        ("sequence", 8, llama(), "sdpa"),  # the heads of keys and values are repeated
        ("sequence", 2, MistralConfig(sliding_window=32), "varlen"),
        ("sequence", 2, MistralConfig(sliding_window=64), "sdpa"),  # no row is longer
        ("context", 3, llama(), "sdpa"),
        ("context", 1, MistralConfig(sliding_window=32), "sdpa"),
    ],
)
def test_models_that_can(kind: str, size: int, config: Any, attention: str) -> None:
    check_model(job(kind, size), config, attention)


def test_attention_that_passes_keys_on_is_sdpa() -> None:
    route = route_of(
        job("context", 2), llama(architectures=["LlamaForCausalLM"]), on_cuda=False, packed=False
    )
    assert (route.kind, route.flat) == ("sdpa", False)
    with pytest.raises(JobError, match="eager"):
        route_of(job("sequence", 2, attention="eager"), llama(), on_cuda=False, packed=False)
