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


def test_the_comparison_before_training_finds_documents_apart() -> None:
    lm = model_of("llama", attention.implementation("varlen"))
    assert compare(lm, [[5, 6, 7, 8], [9, 10, 11]], flat=True).holds(half=False)


@pytest.mark.parametrize("name", ["llama", "gemma3"])
def test_a_padding_mask_is_not_lost_silently(name: str) -> None:
    lm = model_of(name, attention.implementation("varlen"))
    with pytest.raises(ValueError, match="the bounds of sequences"):
        lm(torch.tensor([[0, 5, 6]]), attention_mask=torch.tensor([[0, 1, 1]]), use_cache=False)


def test_no_pass_looks_at_what_tensors_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a GPU it would wait; test_train_attention_gpu.py asks the GPU."""
    lm = model_of("gemma3", attention.implementation("varlen"))
    batch = batch_of(documents(), flat=True)

    def asked(self: torch.Tensor, *more: object) -> None:
        raise AssertionError("a tensor was looked at")

    monkeypatch.setattr(varlen, "varlen_attn", lambda query, key, value, *more, **options: query)
    for way in ("__bool__", "item", "tolist", "__int__"):
        monkeypatch.setattr(torch.Tensor, way, asked)
    lm(**{name: x for name, x in batch.items() if name != "labels"}, use_cache=False)


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
    x, bounds = torch.zeros(1, 4, 8, 16), torch.tensor([0, 8], dtype=torch.int32)
    with pytest.raises(ValueError, match=why):
        attention.varlen_forward(
            torch.nn.Identity(), x, x, x, None, cu_seq_lens_q=bounds, max_length_q=8, **given
        )


@pytest.mark.parametrize("mask", [None, torch.ones(1, 8)])
def test_a_mask_is_refused_and_bounds_are_demanded(mask: torch.Tensor | None) -> None:
    x = torch.zeros(1, 4, 8, 16)
    bounds = None if mask is None else torch.tensor([0, 8], dtype=torch.int32)
    with pytest.raises(ValueError, match=r"takes the bounds of sequences .* and no mask"):
        attention.varlen_forward(torch.nn.Identity(), x, x, x, mask, cu_seq_lens_q=bounds, max_length_q=8)


def test_rows_of_a_batch_are_flattened() -> None:
    torch.manual_seed(0)
    query, key, value = torch.randn(3, 2, 4, 6, 16)
    bounds = torch.tensor([0, 6, 12], dtype=torch.int32)
    out, _ = attention.varlen_forward(
        torch.nn.Identity(), query, key, value, None, cu_seq_lens_q=bounds, max_length_q=6
    )
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
