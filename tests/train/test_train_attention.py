import inspect
from typing import Any

import pytest
import torch
from compiled import TRAIN

from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.train import TrainJob
from smolc.runtime.train import attention

GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")


def job(**said: Any) -> TrainJob:
    return TrainJob.model_validate(TRAIN | said)


def test_auto_on_a_cpu_is_sdpa() -> None:
    for precision in ("fp32", "bf16"):
        assert attention.choose(job(precision=precision), on_cuda=False, packed=True) == "sdpa"


def test_auto_on_a_gpu_takes_varlen_for_packed_rows_in_half_precision() -> None:
    assert attention.choose(job(precision="bf16"), on_cuda=True, packed=True) == "varlen"
    assert attention.choose(job(precision="fp32"), on_cuda=True, packed=True) == "sdpa"


@pytest.mark.parametrize(
    ("said", "on_cuda", "why"),
    [
        ({"attention": "varlen"}, False, "no GPU"),
        ({"attention": "varlen", "precision": "fp32"}, True, "half precision"),
        ({"attention": "flash_attention_2"}, False, "no GPU"),
    ],
)
def test_what_cannot_be_had_is_an_error(said: dict[str, Any], on_cuda: bool, why: str) -> None:
    with pytest.raises(JobError, match=why):
        attention.choose(job(**said), on_cuda=on_cuda, packed=True)


def test_varlen_takes_no_padded_pairs() -> None:
    loss = {"type": "orpo", "beta": 0.1}
    padded = job(method="orpo", loss=loss, attention="varlen", precision="bf16")
    with pytest.raises(JobError, match="padded"):
        attention.choose(padded, on_cuda=True, packed=False)


def torch_2_10(query: Any, is_causal: bool = False) -> None: ...


def torch_2_11(query: Any, *, scale: Any = None, window_size: Any = (-1, -1)) -> None: ...


def torch_2_13(
    query: Any, *, scale: Any = None, window_size: Any = (-1, -1), enable_gqa: bool = False
) -> None: ...


@pytest.mark.parametrize(
    ("function", "options"),
    [
        (torch_2_10, {"is_causal": True}),
        (torch_2_11, {"scale": 0.125, "window_size": (-1, 0)}),
        (torch_2_13, {"scale": 0.125, "window_size": (-1, 0), "enable_gqa": True}),
    ],
)
def test_the_call_fits_each_torch(function: Any, options: dict[str, Any]) -> None:
    assert attention.call_options(function, 8, 2, 64, 0.125, None) == options


def test_what_an_old_torch_lacks_is_refused() -> None:
    with pytest.raises(ValueError, match="sliding window"):
        attention.call_options(torch_2_10, 8, 8, 64, 0.125, 128)
    with pytest.raises(ValueError, match="scale"):
        attention.call_options(torch_2_10, 8, 8, 64, 0.5, None)


def test_a_sliding_window_counts_the_token_itself() -> None:
    assert attention.call_options(torch_2_13, 8, 8, 64, None, 128)["window_size"] == (127, 0)


def test_the_installed_torch_takes_these_options() -> None:
    varlen = pytest.importorskip("torch.nn.attention.varlen").varlen_attn
    options = attention.call_options(varlen, 8, 2, 64, 64**-0.5, None)
    inspect.signature(varlen).bind(1, 2, 3, 4, 5, 6, 7, **options)


@GPU
@pytest.mark.parametrize("kv_heads", [8, 2])
def test_varlen_equals_sdpa_on_each_sequence(kv_heads: int) -> None:
    torch.manual_seed(0)
    lengths = [5, 33, 1, 25]
    shape = {"query": 8, "key": kv_heads, "value": kv_heads}
    made = {
        name: torch.randn(1, heads, sum(lengths), 64, device="cuda", dtype=torch.bfloat16, requires_grad=True)
        for name, heads in shape.items()
    }
    bounds = torch.tensor([0, 5, 38, 39, 64], dtype=torch.int32, device="cuda")
    out, _ = attention.varlen_forward(
        torch.nn.Identity(), *made.values(), None, scaling=64**-0.5, cu_seq_lens_q=bounds, max_length_q=33
    )
    out.float().square().sum().backward()
    gradients = [x.grad.clone() for x in made.values()]
    for x in made.values():
        x.grad = None
    parts = [x.split(lengths, dim=2) for x in made.values()]
    alone = [
        torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True).transpose(
            1, 2
        )
        for q, k, v in zip(*parts, strict=True)
    ]
    expected = torch.cat(alone, dim=1)
    expected.float().square().sum().backward()
    assert torch.allclose(out, expected, atol=2e-2)
    for got, x in zip(gradients, made.values(), strict=True):
        assert torch.allclose(got, x.grad, atol=1e-1, rtol=5e-2)


@GPU
def test_packed_rows_do_not_see_each_other_under_varlen() -> None:
    from compiled import SPECIAL, chat_rows, pack
    from transformers import AutoModelForCausalLM, LlamaConfig

    from smolc.runtime.train.rows import Collator
    from smolc.runtime.train.scratch import bytes_tokenizer

    tokenizer = bytes_tokenizer(SPECIAL, 128)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=256,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
    )
    logits = []
    rows = chat_rows(tokenizer, 9)
    for kind in ("varlen", "sdpa"):
        torch.manual_seed(0)
        lm = AutoModelForCausalLM.from_config(
            config, attn_implementation=attention.implementation(kind), dtype=torch.bfloat16
        ).cuda()
        with torch.no_grad():
            if kind == "varlen":
                batch = Collator(tokenizer.pad_token_id, flat=True)(pack(rows, 110))
                batch.pop("labels")
                on_gpu = {k: v.cuda() if isinstance(v, torch.Tensor) else v for k, v in batch.items()}
                logits.append(lm(**on_gpu, use_cache=False).logits[0])
            else:
                alone = [lm(torch.tensor([r["input_ids"]]).cuda(), use_cache=False).logits[0] for r in rows]
                logits.append(torch.cat(alone))
    assert torch.allclose(logits[0], logits[1], atol=5e-2)
