"""The kernels themselves, on a GPU: documents in one row are documents alone, whichever route a model takes.

In half precision two kernels that compute the same differ by rounding. So the same model in fp32, each document alone, is
the truth, and a route may be further from it than sdpa in half precision on single documents only by a factor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from architectures import CONFIGS, batch_of, config_of, documents, model_of, pass_through, taken_gradients
from compiled import TRAIN

from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.train import TrainJob
from smolc.runtime.train import attention
from smolc.runtime.train.attention.apart import compare
from smolc.runtime.train.attention.gpu import Gpu, this_gpu
from smolc.runtime.train.attention.route import FLASH
from smolc.runtime.train.layers import decoder_layers
from smolc.runtime.train.rows import Collator

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU with CUDA")

JOB = TrainJob.model_validate(TRAIN | {"precision": "bf16"})
KINDS = (*FLASH, "varlen", "sdpa", "eager")
LENGTHS = (70, 1, 130, 33)
TIMES = 3.0
"""Rounding of one kernel beside another's. Documents that see each other differ by 20 to 100 times as much."""


def route(name: str, kind: str = "auto", **shape: Any) -> attention.Route:
    asked = JOB.model_copy(update={"attention": kind})
    return attention.choose(asked, config_of(name, **shape), on_cuda=True, packed=True)


def legal() -> list[tuple[str, str]]:
    """Every kind that every model may be given on an H100 with everything installed; skipped where it is not."""
    everything = Gpu((9, 0), frozenset(KINDS))
    found = []
    for name in CONFIGS:
        for kind in KINDS:
            asked = JOB.model_copy(update={"attention": kind})
            try:
                attention.choose(asked, config_of(name), on_cuda=True, packed=True, gpu=everything)
            except JobError:
                continue
            found.append((name, kind))
    return found


def through(
    name: str, kind: str, dtype: torch.dtype, **shape: Any
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Logits and gradients of the documents: packed as `kind` takes them, or one by one if it is `alone`."""
    some = documents(LENGTHS)
    if kind == "alone":
        chosen = attention.choose(JOB, config_of(name, **shape), on_cuda=False, packed=False).kind
        lm = model_of(name, chosen, dtype, **shape).cuda()
        return torch.cat(
            [pass_through(lm, batch_of([d], flat=False, device="cuda")) for d in some]
        ), taken_gradients(lm)
    flat = route(name, kind, **shape).flat
    lm = model_of(name, attention.implementation(kind), dtype, **shape).cuda()
    return pass_through(lm, batch_of(some, flat=flat, device="cuda")), taken_gradients(lm)


def errors(
    found: tuple[torch.Tensor, dict[str, torch.Tensor]], truth: tuple[torch.Tensor, dict[str, torch.Tensor]]
) -> tuple[float, float]:
    """Relative, of the logits and of all gradients together."""
    logits = (found[0] - truth[0]).norm() / truth[0].norm()
    assert found[1].keys() == truth[1].keys()
    off = torch.stack([(found[1][name] - truth[1][name]).norm() for name in truth[1]]).norm()
    return float(logits), float(off / torch.stack([gradient.norm() for gradient in truth[1].values()]).norm())


@pytest.mark.parametrize(("name", "kind"), legal())
def test_packed_logits_and_gradients_are_those_of_the_documents(name: str, kind: str) -> None:
    asked = JOB.model_copy(update={"attention": kind})
    try:
        attention.choose(asked, config_of(name), on_cuda=True, packed=True)
    except JobError as why:
        pytest.skip(str(why))
    lm = model_of(name, attention.implementation(kind), torch.bfloat16).cuda()
    flat = route(name, kind).flat
    if not compare(lm, documents((20, 30)), flat=flat, device="cuda").holds(half=True):
        # Said before the first step, see apart.py: nothing was trained so. Never so where no mask is made.
        assert not flat
        pytest.skip(f"{name} builds a mask that knows no documents, which a run finds before it trains")
    truth = through(name, "alone", torch.float32)
    logits, gradients = errors(through(name, kind, torch.bfloat16), truth)
    noise_of_logits, noise_of_gradients = errors(through(name, "alone", torch.bfloat16), truth)
    assert logits <= TIMES * noise_of_logits
    assert gradients <= TIMES * noise_of_gradients


@pytest.mark.parametrize(
    "shape",
    [
        {"head_dim": 64},
        {"head_dim": 128, "num_key_value_heads": 1},
        {"head_dim": 256},
        {"head_dim": 20},
        {"head_dim": 96, "num_key_value_heads": 4},
    ],
    ids=str,
)
@pytest.mark.parametrize("name", ["qwen3", "gemma3"])
def test_varlen_for_heads_of_all_sizes(name: str, shape: dict[str, int]) -> None:
    truth = through(name, "alone", torch.float32, **shape)
    found = errors(through(name, "varlen", torch.bfloat16, **shape), truth)
    noise = errors(through(name, "alone", torch.bfloat16, **shape), truth)
    assert found[0] <= TIMES * noise[0]
    assert found[1] <= TIMES * noise[1]


def test_documents_that_see_each_other_would_be_noticed() -> None:
    """The bound above, on a row whose bounds are gone."""
    truth = through("llama", "alone", torch.float32)
    noise = errors(through("llama", "alone", torch.bfloat16), truth)
    lm = model_of("llama", attention.implementation("varlen"), torch.bfloat16).cuda()
    batch = batch_of(documents(LENGTHS), flat=True, device="cuda")
    batch["cu_seq_lens_q"] = batch["cu_seq_lens_q"][[0, -1]].contiguous()
    batch["max_length_q"] = sum(LENGTHS)
    found = errors((pass_through(lm, batch), taken_gradients(lm)), truth)
    assert found[0] > 3 * TIMES * noise[0]
    assert found[1] > 3 * TIMES * noise[1]


def test_this_gpu_takes_varlen_or_better() -> None:
    if this_gpu().capability[0] < 8:
        pytest.skip("this GPU is from before Ampere")
    for name in ("llama", "qwen3", "smollm3", "gemma3", "mistral-window", "deepseek-v3"):
        assert route(name).kind in (*FLASH, "varlen")
    assert route("gemma2").kind in (*FLASH, "eager")
    assert route("llama4-chunks", "auto", attention_chunk_size=JOB.length).kind == "sdpa"


@contextmanager
def no_waiting() -> Iterator[None]:
    """An error for whatever waits for the GPU."""
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode("default")


def step_of(name: str, **shape: Any) -> Callable[[], torch.Tensor]:
    """A forward and a backward pass over one packed batch of a fixed shape."""
    lm = model_of(name, attention.implementation("varlen"), torch.bfloat16, **shape).cuda()
    batch = batch_of(documents(LENGTHS), flat=True, device="cuda")
    labels = torch.nn.functional.pad(batch.pop("labels"), (0, 1), value=-100)[0, 1:]

    def step() -> torch.Tensor:
        logits = lm(**batch, use_cache=False).logits[0]
        loss = torch.nn.functional.cross_entropy(logits.float(), labels, ignore_index=-100)
        loss.backward()
        return loss.detach()

    step.layers = decoder_layers(lm)  # type: ignore[attr-defined]
    step.model = lm  # type: ignore[attr-defined]
    return step


@pytest.mark.parametrize("name", ["llama", "gemma3", "smollm3"])
def test_varlen_never_waits_for_the_gpu(name: str) -> None:
    step = step_of(name)
    step()
    with no_waiting():
        loss = step()
    assert torch.isfinite(loss)


@pytest.mark.parametrize("name", ["llama", "gemma3", "deepseek-v3"])
def test_each_decoder_layer_compiles_as_one_graph(name: str) -> None:
    torch._dynamo.reset()
    step = step_of(name)
    expected = step()
    # Experts are chosen by what tensors hold: that is no matter of attention.
    layers = step.layers[:1] if name == "deepseek-v3" else step.layers  # type: ignore[attr-defined]
    for layer in layers:
        layer.forward = torch.compile(layer.forward, fullgraph=True)
    assert torch.allclose(step(), expected, rtol=1e-2)
    with no_waiting():
        step()


def test_a_recorded_step_follows_other_documents() -> None:
    """As a CUDA graph, replayed with other bounds and tokens in the same places."""
    some, others = documents(LENGTHS), documents(LENGTHS[::-1])
    batch = batch_of(some, flat=True, device="cuda")
    batch["max_length_q"] = batch["max_length_k"] = 256
    batch.pop("labels")
    lm = model_of("llama", attention.implementation("varlen"), torch.bfloat16).cuda().requires_grad_(False)
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            lm(**batch, use_cache=False)
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        logits = lm(**batch, use_cache=False).logits
    other = batch_of(others, flat=True, device="cuda")
    for key in ("input_ids", "position_ids", "cu_seq_lens_q"):
        batch[key].copy_(other[key])
    graph.replay()
    other.pop("labels")
    assert torch.allclose(logits, lm(**other, use_cache=False).logits, atol=2e-2, rtol=2e-2)


@pytest.mark.parametrize("sequences", [1, 7])
def test_empty_sequences_at_the_end_change_nothing(sequences: int) -> None:
    """Batches of a fixed shape are filled up so."""
    torch.manual_seed(0)
    query = torch.randn(1, 4, 64, 64, device="cuda", dtype=torch.bfloat16)
    key, value = torch.randn(2, 1, 2, 64, 64, device="cuda", dtype=torch.bfloat16)
    bounds = torch.tensor([0, 20, 64], dtype=torch.int32, device="cuda")
    more = torch.cat([bounds, bounds[-1:].expand(sequences)])
    outs = []
    for given, longest in ((bounds, 44), (more, 64)):
        inputs = [x.clone().requires_grad_() for x in (query, key, value)]
        out, _ = attention.varlen_forward(
            torch.nn.Identity(), *inputs, None, cu_seq_lens_q=given, max_length_q=longest
        )
        out.float().square().sum().backward()
        outs.append([out.detach(), *(x.grad for x in inputs)])
    for one, other in zip(*outs, strict=True):
        assert torch.allclose(one, other, atol=1e-3, rtol=1e-2)


def test_key_heads_are_not_copied() -> None:
    """8 query heads share a key head: copies would take more memory than all else."""
    torch.manual_seed(0)
    query = torch.randn(1, 16, 8192, 128, device="cuda", dtype=torch.bfloat16)
    key, value = torch.randn(2, 1, 2, 8192, 128, device="cuda", dtype=torch.bfloat16)
    bounds = torch.tensor([0, 8192], dtype=torch.int32, device="cuda")
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    with torch.no_grad():
        attention.varlen_forward(
            torch.nn.Identity(), query, key, value, None, cu_seq_lens_q=bounds, max_length_q=8192
        )
    taken = torch.cuda.max_memory_allocated() - before
    # The output, a transposed query, and small ones; two copies of keys and values would be as much again.
    assert taken < 2.6 * query.numel() * query.element_size()


def test_whole_collated_batches_agree_flat_and_padded() -> None:
    """What training sees: several packed rows in a batch, laid end to end and padded."""
    some = documents(LENGTHS)
    rows = []
    for part in (some[:2], some[2:]):
        ids = [token for document in part for token in document]
        rows.append({"input_ids": ids, "labels": ids, "seq_lengths": [len(document) for document in part]})
    logits = []
    for kind, flat in (("varlen", True), ("sdpa", False)):
        batch = Collator(0, flat=flat)([dict(row) for row in rows])
        lm = model_of("llama", attention.implementation(kind), torch.bfloat16).cuda()
        given = {k: v.cuda() if isinstance(v, torch.Tensor) else v for k, v in batch.items() if k != "labels"}
        found = lm(**given, use_cache=False).logits
        parts = [found[0]] if flat else [found[i, : len(row["input_ids"])] for i, row in enumerate(rows)]
        logits.append(torch.cat(parts).float())
    assert (logits[0] - logits[1]).norm() < 2e-2 * logits[1].norm()
