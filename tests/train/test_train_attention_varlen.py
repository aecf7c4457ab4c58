"""varlen between transformers and torch, with a slow kernel for CPUs behind torch's function."""

import inspect
from collections.abc import Iterator
from typing import Any

import pytest
import torch
import varlen_on_cpu
from architectures import CONFIGS, batch_of, config_of, documents, largest_difference, model_of
from compiled import TRAIN

from smolc.runtime.jobs.train import TrainJob
from smolc.runtime.train import attention
from smolc.runtime.train.attention import varlen
from smolc.runtime.train.attention.apart import compare
from smolc.runtime.train.attention.gpu import Gpu
from smolc.runtime.train.layers import decoder_layers

JOB = TrainJob.model_validate(TRAIN | {"precision": "bf16"})
GPU = Gpu((9, 0), frozenset({"varlen"}))


def takes_varlen(name: str) -> bool:
    config = config_of(name)
    return attention.choose(JOB, config, on_cuda=True, packed=False, gpu=GPU).kind == "varlen"


ROUTED = [name for name in CONFIGS if takes_varlen(name)]


@pytest.fixture(autouse=True)
def calls(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    # In fp32, so that what differs is no rounding.
    monkeypatch.setattr(varlen, "half_dtype", lambda value: value.dtype)
    with varlen_on_cpu.kernel() as seen:
        yield seen


def test_the_routed_are_many() -> None:
    assert {
        "llama",
        "qwen3",
        "smollm3",
        "gemma3",
        "mistral-window",
        "phi3-window",
        "olmo2",
        "deepseek-v3",
    } <= set(ROUTED)
    assert not {"gemma2", "gpt-oss", "llama4-chunks", "bloom", "mamba", "lfm2"} & set(ROUTED)


@pytest.mark.parametrize("name", ROUTED)
def test_packed_logits_and_gradients_are_those_of_the_documents(
    name: str, calls: list[dict[str, Any]]
) -> None:
    lm = model_of(name, attention.implementation("varlen"))
    logits, gradients = largest_difference(lm, model_of(name, "eager"), flat=True)
    assert logits < 1e-5
    assert gradients < 1e-4
    assert calls
    assert all(call["max"] == 12 for call in calls)


def test_key_heads_are_not_copied(calls: list[dict[str, Any]]) -> None:
    model_of("llama", attention.implementation("varlen"))(**batch_of(documents(), flat=True), use_cache=False)
    assert {(call["heads"], call["kv_heads"]) for call in calls} == {(4, 2)}


@pytest.mark.parametrize(("name", "width"), [("deepseek-v3", 24), ("granite", 16)])
def test_heads_are_filled_up_to_what_the_kernel_takes(
    name: str, width: int, calls: list[dict[str, Any]]
) -> None:
    lm = model_of(name, attention.implementation("varlen"))
    lm(**batch_of(documents(), flat=True), use_cache=False)
    assert {call["width"] for call in calls} == {width}


def test_odd_heads_are_filled_up(calls: list[dict[str, Any]]) -> None:
    shape = {"head_dim": 10}
    logits, gradients = largest_difference(
        model_of("qwen3", attention.implementation("varlen"), **shape),
        model_of("qwen3", "eager", **shape),
        flat=True,
    )
    assert logits < 1e-5
    assert gradients < 1e-4
    assert {call["width"] for call in calls} == {16}


def test_documents_without_bounds_are_found_before_training() -> None:
    lm = model_of("llama", attention.implementation("varlen"))
    before = [[5, 6, 7, 8], [9, 10, 11]]
    assert compare(lm, before, flat=True).holds(half=False)
    assert not compare(lm, before, flat=False).holds(half=False)


@pytest.mark.parametrize("name", ["llama", "smollm3", "gemma3", "deepseek-v3"])
def test_each_decoder_layer_compiles_as_one_graph(name: str) -> None:
    torch._dynamo.reset()
    lm = model_of(name, attention.implementation("varlen"))
    for layer in decoder_layers(lm)[:1] if name == "deepseek-v3" else decoder_layers(lm):
        layer.forward = torch.compile(layer.forward, fullgraph=True, backend="aot_eager")
    logits, gradients = largest_difference(lm, model_of(name, "eager"), flat=True)
    assert logits < 1e-5
    assert gradients < 1e-4


def test_other_lengths_compile_once_more_and_no_more() -> None:
    torch._dynamo.reset()
    counter = torch._dynamo.testing.CompileCounter()
    lm = model_of("llama", attention.implementation("varlen"))
    layer = decoder_layers(lm)[0]
    layer.forward = torch.compile(layer.forward, fullgraph=True, backend=counter)
    with torch.no_grad():
        for lengths in ((7, 12, 5), (9, 4, 8, 2), (3, 3, 5, 6, 7), (20, 11, 3), (2, 2, 2, 2, 2, 30)):
            lm(**batch_of(documents(lengths), flat=True), use_cache=False)
    assert counter.frame_count <= 3


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"softcap": 50.0}, "soft-capping"),
        ({"s_aux": torch.zeros(4)}, "sinks"),
        ({"position_bias": torch.zeros(1, 4, 8, 8)}, "position biases"),
        ({"dropout": 0.1}, "dropout"),
        ({"is_causal": False}, "causal"),
    ],
)
def test_what_the_kernel_lacks_is_never_left_out(given: dict[str, Any], why: str) -> None:
    x = torch.zeros(1, 4, 8, 16)
    with pytest.raises(ValueError, match=why):
        attention.varlen_forward(torch.nn.Identity(), x, x, x, None, **given)


def test_a_mask_is_refused() -> None:
    x = torch.zeros(1, 4, 8, 16)
    with pytest.raises(ValueError, match="no mask"):
        attention.varlen_forward(torch.nn.Identity(), x, x, x, torch.ones(1, 8))


def test_without_bounds_each_row_is_a_sequence() -> None:
    torch.manual_seed(0)
    query, key, value = torch.randn(3, 2, 4, 6, 16)
    out, _ = attention.varlen_forward(torch.nn.Identity(), query, key, value, None)
    expected = torch.nn.functional.scaled_dot_product_attention(query, key, value, is_causal=True)
    assert torch.allclose(out, expected.transpose(1, 2), atol=1e-6)


def test_the_installed_torch_takes_these_options() -> None:
    signature = inspect.signature(torch.nn.attention.varlen.varlen_attn)
    signature.bind(1, 2, 3, 4, 5, 6, 7, scale=0.125, window_size=(-1, 0), **varlen.GROUPS)


def test_half_precision_is_that_of_autocast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    single = torch.zeros(1)
    assert varlen.half_dtype(single) == torch.bfloat16
    assert varlen.half_dtype(single.half()) == torch.float16
    with torch.autocast("cpu", dtype=torch.float16):
        assert varlen.half_dtype(single) == torch.float16
