"""Which attention a run takes, and why."""

from typing import Any

import pytest
from architectures import config_of
from compiled import TRAIN

from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.train import TrainJob
from smolc.runtime.train import attention
from smolc.runtime.train.attention.gpu import Gpu

V100, A100, RTX, H100, B200 = (7, 0), (8, 0), (8, 9), (9, 0), (10, 0)
TWO, THREE, FOUR = (f"flash_attention_{n}" for n in (2, 3, 4))
ORPO = {"method": "orpo", "loss": {"type": "orpo", "beta": 0.1}}


def job(**said: Any) -> TrainJob:
    return TrainJob.model_validate(TRAIN | {"precision": "bf16"} | said)


def route(
    name: str = "llama",
    capability: tuple[int, int] | None = H100,
    *installed: str,
    packed: bool = True,
    shape: dict[str, Any] | None = None,
    **said: Any,
) -> attention.Route:
    gpu = Gpu(capability, frozenset({"varlen", *installed})) if capability else None
    config = config_of(name, **(shape or {}))
    return attention.choose(job(**said), config, on_cuda=gpu is not None, packed=packed, gpu=gpu)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_auto_on_a_cpu_is_sdpa(precision: str) -> None:
    taken = route(capability=None, precision=precision)
    assert (taken.kind, taken.flat) == ("sdpa", False)
    assert "no GPU" in taken.why


@pytest.mark.parametrize(
    "name", ["llama", "smollm3", "qwen3", "olmo2", "phi3-window", "gemma3", "deepseek-v3"]
)
def test_auto_on_a_gpu_is_varlen(name: str) -> None:
    taken = route(name)
    assert (taken.kind, taken.flat) == ("varlen", True)
    assert "FlashAttention as torch ships it" in taken.why


def test_rows_that_are_not_packed_are_laid_end_to_end_too() -> None:
    assert route(packed=False) == route(packed=True)


@pytest.mark.parametrize(
    ("capability", "installed", "taken"),
    [
        (A100, (TWO, THREE, FOUR), TWO),
        (H100, (TWO, THREE, FOUR), THREE),
        (H100, (TWO, FOUR), TWO),
        (H100, (FOUR,), "varlen"),
        (B200, (TWO, THREE, FOUR), FOUR),
        (B200, (THREE,), "varlen"),
        (V100, (TWO, THREE, FOUR), "sdpa"),
    ],
)
def test_what_is_installed_and_written_for_the_gpu_comes_first(
    capability: tuple[int, int], installed: tuple[str, ...], taken: str
) -> None:
    assert route("qwen3", capability, *installed).kind == taken


@pytest.mark.parametrize(
    ("name", "installed", "taken", "why"),
    [
        ("gemma2", (TWO,), TWO, "installed"),
        ("gemma2", (THREE,), THREE, "installed"),
        ("gemma2", (), "eager", "not sdpa: it does not compute the soft-capping of attention scores"),
        ("gpt-oss", (TWO, THREE, FOUR), "eager", "sinks"),
        (
            "llama4-chunks",
            (TWO, THREE),
            "sdpa",
            "not varlen: Llama4ForCausalLM does not take attention without a mask",
        ),
        ("bloom", (TWO,), "eager", "mask"),
        ("stablelm", (), "sdpa", "not varlen"),
    ],
)
def test_models_are_routed_to_what_computes_their_attention(
    name: str, installed: tuple[str, ...], taken: str, why: str
) -> None:
    # Rows no longer than a piece, where a model attends within pieces.
    shape = {"attention_chunk_size": 64} if name == "llama4-chunks" else {}
    found = route(name, H100, *installed, shape=shape)
    assert found.kind == taken
    assert why in found.why


@pytest.mark.parametrize(
    ("name", "shape", "capability", "installed", "taken", "why"),
    [
        ("qwen3", {"head_dim": 512}, H100, (TWO, THREE), "sdpa", "heads of up to 256"),
        ("qwen3", {"head_dim": 256}, H100, (), "varlen", ""),
        ("qwen3", {"head_dim": 256}, B200, (FOUR,), "varlen", ""),
        ("qwen3", {"head_dim": 20}, H100, (TWO,), "varlen", ""),
        ("qwen3", {"head_dim": 208}, RTX, (), "sdpa", "heads of 208"),
        ("qwen3", {"head_dim": 208}, A100, (), "varlen", ""),
        ("deepseek-v3", {}, H100, (THREE,), THREE, ""),
        ("deepseek-v3", {}, B200, (FOUR,), "varlen", ""),
        ("deepseek-v3", {"qk_nope_head_dim": 256}, H100, (THREE,), "sdpa", "heads of 264"),
        ("deepseek-v3", {"v_head_dim": 64}, H100, (THREE,), "sdpa", "has 64 beside 24"),
        ("llama", {"attention_dropout": 0.1}, H100, (THREE,), "sdpa", "dropout"),
        ("llama", {"attention_dropout": 0.1}, H100, (TWO,), TWO, ""),
    ],
)
def test_heads_and_dropout_limit_the_kernels(
    name: str,
    shape: dict[str, Any],
    capability: tuple[int, int],
    installed: tuple[str, ...],
    taken: str,
    why: str,
) -> None:
    found = route(name, capability, *installed, shape=shape)
    assert found.kind == taken
    assert why in found.why


def test_the_widest_layer_counts() -> None:
    gemma4 = pytest.importorskip("transformers.models.gemma4").Gemma4TextConfig()
    taken = attention.choose(job(), gemma4, on_cuda=True, packed=True, gpu=Gpu(H100, frozenset({"varlen"})))
    assert taken.kind == "sdpa"
    assert "heads of 512" in taken.why


def test_pairs_are_laid_end_to_end() -> None:
    for installed, kind in (((), "varlen"), ((THREE,), THREE)):
        taken = route("llama", H100, *installed, packed=False, **ORPO)
        assert (taken.kind, taken.flat) == (kind, True)
    assert not route("llama", None, packed=False, **ORPO).flat


def test_fp32_is_sdpa() -> None:
    taken = route(precision="fp32")
    assert taken.kind == "sdpa"
    assert "half precision only" in taken.why


@pytest.mark.parametrize(
    ("name", "capability", "said", "why", "instead"),
    [
        ("llama", None, {"attention": "varlen"}, "no GPU", "sdpa"),
        ("llama", None, {"attention": FOUR}, "no GPU", "sdpa"),
        ("llama", H100, {"attention": "varlen", "precision": "fp32"}, "half precision", "sdpa"),
        ("llama", H100, {"attention": TWO}, "flash-attn .2.6 or later. is not installed", "varlen"),
        ("llama", V100, {"attention": "varlen"}, "Ampere or later .* this GPU has 7.0", "sdpa"),
        ("llama", A100, {"attention": THREE}, "written for Hopper", "varlen"),
        ("llama", A100, {"attention": FOUR}, "written for Hopper and Blackwell", "varlen"),
        ("gemma2", H100, {"attention": "varlen"}, "soft-capping", "eager"),
        ("gemma2", None, {"attention": "sdpa"}, "soft-capping", "eager"),
        ("gpt-oss", H100, {"attention": "varlen"}, "sinks", "eager"),
        ("lfm2", H100, {"attention": "varlen"}, "carries a state", "sdpa"),
    ],
)
def test_what_cannot_be_had_is_an_error(
    name: str, capability: tuple[int, int] | None, said: dict[str, Any], why: str, instead: str
) -> None:
    with pytest.raises(JobError, match=why) as caught:
        route(name, capability, packed=False, **said)
    assert caught.value.help == f"write attention = auto, which takes {instead} here"


@pytest.mark.parametrize("kind", [TWO, THREE, FOUR])
def test_sinks_are_never_left_out(kind: str) -> None:
    with pytest.raises(JobError, match="does not compute the attention of GptOssForCausalLM"):
        route("gpt-oss", H100, TWO, THREE, FOUR, attention=kind)


def test_soft_capping_is_never_left_out() -> None:
    with pytest.raises(JobError, match="backward pass does not compute the soft-capping"):
        route("gemma2", B200, FOUR, attention=FOUR)


def test_what_is_asked_for_is_taken() -> None:
    for kind in ("sdpa", "eager", "varlen"):
        assert route(attention=kind).kind == kind


def test_a_model_with_its_own_code_is_given_no_kernel_that_it_may_not_know() -> None:
    from transformers import PretrainedConfig

    gpu = Gpu(H100, frozenset({"varlen", TWO}))
    own = PretrainedConfig()
    assert attention.choose(job(), own, on_cuda=True, packed=True, gpu=gpu).kind == "sdpa"
    assert attention.choose(job(attention=TWO), own, on_cuda=True, packed=True, gpu=gpu).kind == TWO
    with pytest.raises(JobError, match="brings its own code"):
        attention.choose(job(attention="varlen"), own, on_cuda=True, packed=True, gpu=gpu)
