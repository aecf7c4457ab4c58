"""A whole merge job on tiny models: what it writes, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import merging
import pytest
import torch
from merging import SOUP, edited, linear, merge, model, same, slerp, tensors
from transformers import AutoModelForCausalLM, AutoTokenizer

from smolc.runtime.jobs.errors import JobError
from smolc.runtime.merge import run as running


def test_a_sum_of_two(tmp_path: Path) -> None:
    a, b = model(tmp_path, "a", 1), model(tmp_path, "b", 2)
    out = merge(tmp_path, ("a", "b"), linear(0.9, 0.1))
    one, other, made = tensors(a), tensors(b), tensors(out)
    assert made.keys() == one.keys()
    for name, tensor in made.items():
        exact = (0.9 * one[name].double() + 0.1 * other[name].double()).to(torch.bfloat16)
        assert torch.equal(tensor, exact), name
    result = json.loads((out.parent / "result.json").read_text())
    assert result["merged"] == [{"name": "a", "weight": 0.9}, {"name": "b", "weight": 0.1}]
    assert result["model"] == {"out": "soup/model"}
    assert (result["dtype"], result["parameters"]) == ("bf16", sum(t.numel() for t in made.values()))


def test_it_loads_with_everything_of_what_it_is_like(tmp_path: Path) -> None:
    model(tmp_path, "a", 1)
    b = model(tmp_path, "b", 2, dtype=torch.float32)
    (b / "adapter_config.json").write_text("{}")  # would be loaded with a model, and is none of it
    out = merge(tmp_path, ("a", "b"), SOUP, like="b")
    loaded, info = AutoModelForCausalLM.from_pretrained(out, output_loading_info=True)
    assert not info["missing_keys"] and not info["unexpected_keys"]
    assert loaded.dtype == torch.float32
    assert loaded.generation_config.eos_token_id == [2, 258]
    assert AutoTokenizer.from_pretrained(out).chat_template == AutoTokenizer.from_pretrained(b).chat_template
    assert sorted(p.name for p in out.iterdir()) == sorted(
        p.name for p in b.iterdir() if p.name != "adapter_config.json"
    )


@pytest.mark.parametrize("method", [linear(1, 0), slerp(0)], ids=["linear", "slerp"])
def test_all_of_the_first_is_the_first(tmp_path: Path, method: dict[str, Any]) -> None:
    a = model(tmp_path, "a", 1)
    model(tmp_path, "b", 2)
    assert same(merge(tmp_path, ("a", "b"), method), a)


def test_all_of_the_second_in_the_numbers_of_the_first(tmp_path: Path) -> None:
    model(tmp_path, "a", 1, dtype=torch.float32)
    b = tensors(model(tmp_path, "b", 2))
    out = tensors(merge(tmp_path, ("a", "b"), slerp(1)))
    assert all(torch.equal(out[k], b[k].float()) for k in b)


@pytest.mark.parametrize("method", [linear(0.7, 0.3), slerp(0.4), SOUP], ids=["linear", "slerp", "soup"])
def test_a_model_with_itself_is_itself(tmp_path: Path, method: dict[str, Any]) -> None:
    a = model(tmp_path, "a", 1, dtype=torch.float32)
    merging.copied(tmp_path, "a", "b")
    out = merge(tmp_path, ("a", "b"), method)
    assert same(out, a)
    if method["type"] == "slerp":
        result = json.loads((out.parent / "result.json").read_text())
        assert (result["arcs"], result["lines"]) == (0, result["tensors"])


def test_slerp_follows_the_arc(tmp_path: Path) -> None:
    one, other = tensors(model(tmp_path, "a", 1)), tensors(model(tmp_path, "b", 2))
    made = tensors(merge(tmp_path, ("a", "b"), slerp(0.3)))
    name = "model.layers.0.mlp.up_proj.weight"
    x, y = one[name].double(), other[name].double()
    angle = torch.acos((x * y).sum() / (x.norm() * y.norm()))
    exact = (torch.sin(0.7 * angle) * x + torch.sin(0.3 * angle) * y) / torch.sin(angle)
    assert torch.equal(made[name], exact.to(torch.bfloat16))
    assert torch.equal(made["model.norm.weight"], one["model.norm.weight"])  # all ones in both


def test_shards_bound_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the inputs one tensor of each is asked for at a time, and no shard is larger than it may be."""
    model(tmp_path, "a", 1, shard="10KB")
    model(tmp_path, "b", 2)
    monkeypatch.setattr(running, "SHARD", 9000)
    asked: list[str] = []
    get = running.Weights.__getitem__

    def watched(self: running.Weights, key: str) -> torch.Tensor:
        asked.append(key)
        return get(self, key)

    monkeypatch.setattr(running.Weights, "__getitem__", watched)
    out = merge(tmp_path, ("a", "b"), SOUP)
    assert asked[::2] == asked[1::2] and len(set(asked)) * 2 == len(asked)
    files = sorted(out.glob("*.safetensors"))
    assert len(files) == 3
    largest = {p: sum(t.nbytes for t in merging.load_file(p).values()) for p in files}
    assert all(size <= 9000 or len(merging.load_file(p)) == 1 for p, size in largest.items())
    index = json.loads((out / "model.safetensors.index.json").read_text())
    assert set(index["weight_map"]) == set(tensors(out))
    assert torch.equal(
        AutoModelForCausalLM.from_pretrained(out).lm_head.weight, tensors(out)["lm_head.weight"]
    )
    # A smaller one after it leaves none of its files.
    monkeypatch.setattr(running, "SHARD", 10**9)
    assert [p.name for p in merge(tmp_path, ("a", "b"), SOUP).glob("model*")] == ["model.safetensors"]


def test_a_tied_output_layer_may_be_stored_or_not(tmp_path: Path) -> None:
    model(tmp_path, "a", 1, tie_word_embeddings=True)
    b = model(tmp_path, "b", 2, tie_word_embeddings=True)
    edited(b, lambda found: found | {"lm_head.weight": found["model.embed_tokens.weight"].clone()})
    out = merge(tmp_path, ("b", "a"), SOUP)
    assert "lm_head.weight" not in tensors(out)
    loaded = AutoModelForCausalLM.from_pretrained(out)
    assert loaded.lm_head.weight is loaded.model.embed_tokens.weight


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"tie_word_embeddings": True}, "different output layers"),
        ({"vocab_size": 300}, "different vocabularies"),
        ({"rope_parameters": {"rope_type": "default", "rope_theta": 5e5}}, "rope_theta is 10000"),
        ({"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8}, "num_attention_heads is 2 in"),
        ({"num_hidden_layers": 3}, "num_hidden_layers is 2 in `a` and 3 in `b`"),
        ({"special": ("<pad>", "<|im_start|>", "<|turn|>")}, "`b` lacks 1 tokens of `a`, such as '<|im_end|>'"),
        ({"special": ("<pad>", "<|im_end|>", "<|im_start|>")}, "'<|im_start|>' is 257 in `a` and 258 in `b`"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)  # fmt: skip
def test_what_cannot_be_merged(tmp_path: Path, other: dict[str, Any], said: str) -> None:
    model(tmp_path, "a", 1)
    model(tmp_path, "b", 2, **other)
    with pytest.raises(JobError, match=said.replace("|", r"\|").replace("(", r"\(")) as error:
        merge(tmp_path, ("a", "b"), SOUP)
    assert error.value.help
    assert not (tmp_path / "out" / "soup" / "model").exists()


def _other_head(found: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return found | {"lm_head.weight": torch.zeros(270, 16)}


def _less(found: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {k: v for k, v in found.items() if k != "model.norm.weight"}


def _nan(found: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    found["model.norm.weight"][3] = torch.nan
    return found


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_other_head, "different shapes: lm_head.weight is 264x16 and 270x16"),
        (_less, "`b` lacks 1 tensors that `a` has: model.norm.weight"),
        (lambda t: t | {"more": torch.ones(2)}, "`a` lacks 1 tensors that `b` has: more"),
        (lambda t: t | {"model.norm.weight": torch.ones(16).to(torch.float8_e4m3fn)}, "is in F8_E4M3"),
        (lambda t: t | {"model.norm.weight": torch.ones(16, dtype=torch.int32)}, "is BF16 in `a` and I32 in"),
        (_nan, "`b`: model.norm.weight holds NaN or infinity"),
    ],
)
def test_other_weights_than_the_config_says(tmp_path: Path, change: Any, said: str) -> None:
    model(tmp_path, "a", 1)
    edited(model(tmp_path, "b", 2), change)
    with pytest.raises(JobError, match=said):
        merge(tmp_path, ("a", "b"), SOUP)


def test_numbers_beyond_the_format(tmp_path: Path) -> None:
    a = model(tmp_path, "a", 1, dtype=torch.float16)
    edited(a, lambda found: found | {"model.norm.weight": torch.full((16,), 6e4, dtype=torch.float16)})
    merging.copied(tmp_path, "a", "b")
    with pytest.raises(JobError, match="too large for fp16"):
        merge(tmp_path, ("a", "b"), linear(1, 1))


def _cut(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def _gone(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def _elsewhere(folder: Path) -> None:
    (folder / "model.safetensors.index.json").write_text(
        '{"weight_map": {"x": "../../a/model/model.safetensors"}}'
    )


def _no_index(folder: Path) -> None:
    (folder / "model.safetensors.index.json").write_text('{"weight_map": [')


def _quantised(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config["quantization_config"] = {"quant_method": "fp8"}
    (folder / "config.json").write_text(json.dumps(config))


def _diverged(folder: Path) -> None:
    (folder.parent / "result.json").write_text(json.dumps({"model": {"out": "b/model"}, "diverged": True}))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_cut, "b: model.safetensors: damaged"),
        (_gone, "b: no model.safetensors in"),
        (_elsewhere, "there is no such file beside it"),
        (_no_index, "cannot be read"),
        (_quantised, "`b` is quantised"),
        (_diverged, "`b` diverged"),
    ],
)
def test_damaged_inputs(tmp_path: Path, damage: Any, said: str) -> None:
    model(tmp_path, "a", 1)
    damage(model(tmp_path, "b", 2))
    with pytest.raises(JobError, match=said):
        merge(tmp_path, ("a", "b"), SOUP)


@pytest.mark.parametrize("kept", [True, False])
def test_a_model_of_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kept: bool) -> None:
    """It was downloaded by its own job; here it is looked up, without a network."""
    a, commit = model(tmp_path, "a", 1), "0123456789abcdef0123456789abcdef01234567"
    cache = tmp_path / "cache"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    b = model(tmp_path, "b", 2)
    (b.parent / "result.json").write_text(json.dumps({"model": {"hub": "some/model", "revision": commit}}))
    if kept:
        snapshot = cache / "models--some--model" / "snapshots" / commit
        snapshot.parent.mkdir(parents=True)
        b.rename(snapshot)
        assert same(merge(tmp_path, ("a", "b"), linear(1, 0)), a)
        return
    with pytest.raises(JobError, match="some/model is not in the hub's cache") as error:
        merge(tmp_path, ("a", "b"), SOUP)
    assert "out/b" in str(error.value.help)
