"""Tiny models of many architectures with random weights, and documents to pack, for the attention tests."""

from __future__ import annotations

from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from smolc.runtime.train.linear_loss import IGNORED
from smolc.runtime.train.rows import Collator

LENGTHS = (7, 1, 12, 5)
VOCABULARY = 64

EXPERTS = {"num_experts_per_tok": 2, "moe_intermediate_size": 32}
LATENT = {
    "q_lora_rank": 32,
    "kv_lora_rank": 32,
    "qk_rope_head_dim": 8,
    "qk_nope_head_dim": 16,
    "v_head_dim": 16,
}
WINDOW = {"sliding_window": 4}
TURNS = {"layer_types": ["sliding_attention", "full_attention"], **WINDOW}
HEAD = {"head_dim": 16}

CONFIGS: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("llama", {}),
    "qwen2": ("qwen2", {}),
    "qwen2-window": ("qwen2", {"use_sliding_window": True, **TURNS}),
    "qwen3": ("qwen3", HEAD),
    "qwen3-moe": ("qwen3_moe", {"num_experts": 4, **EXPERTS, **HEAD}),
    "smollm3": ("smollm3", {"no_rope_layers": [1, 0]}),
    "gemma": ("gemma", HEAD),
    "gemma2": ("gemma2", {"query_pre_attn_scalar": 16, **HEAD, **TURNS}),
    "gemma3": ("gemma3_text", {"query_pre_attn_scalar": 16, **HEAD, **TURNS}),
    "mistral-window": ("mistral", WINDOW),
    "ministral": ("ministral", {**HEAD, **TURNS}),
    "phi3-window": ("phi3", WINDOW),
    "olmo2": ("olmo2", {}),
    "olmo3": ("olmo3", TURNS),
    "granite": ("granite", {"attention_multiplier": 0.1}),
    "cohere2": ("cohere2", TURNS),
    "stablelm": ("stablelm", {}),
    "gpt-neox": ("gpt_neox", {}),
    "gpt2": ("gpt2", {"n_embd": 64, "n_layer": 2, "n_head": 4, "n_positions": 256}),
    "deepseek-v3": (
        "deepseek_v3",
        {
            **LATENT,
            **EXPERTS,
            "num_key_value_heads": 4,
            "n_routed_experts": 4,
            "n_shared_experts": 1,
            "n_group": 1,
            "topk_group": 1,
            "first_k_dense_replace": 1,
        },
    ),
    "llama4-chunks": (
        "llama4_text",
        {
            "layer_types": ["chunked_attention", "full_attention"],
            "attention_chunk_size": 4,
            "intermediate_size_mlp": 64,
            "num_local_experts": 2,
            "num_experts_per_tok": 1,
            **HEAD,
        },
    ),
    "gpt-oss": ("gpt_oss", {"num_local_experts": 4, "num_experts_per_tok": 2, **HEAD, **TURNS}),
    "afmoe": ("afmoe", {"num_experts": 4, "num_dense_layers": 1, **EXPERTS, **HEAD, **TURNS}),
    "opt": ("opt", {"ffn_dim": 64, "word_embed_proj_dim": 64, "max_position_embeddings": 256}),
    "bloom": ("bloom", {"n_layer": 2, "n_head": 4}),
    "lfm2": ("lfm2", {"layer_types": ["conv", "full_attention"]}),
    "granite-hybrid": ("granitemoehybrid", {"layer_types": ["mamba", "attention"], "mamba_n_heads": 4}),
    "granite-hybrid-attention": (
        "granitemoehybrid",
        {"layer_types": ["attention", "attention"], "mamba_n_heads": 4},
    ),
    "qwen3-next": ("qwen3_next", {"layer_types": ["linear_attention", "full_attention"], **EXPERTS, **HEAD}),
    "mamba": ("mamba", {"state_size": 8}),
}


def config_of(name: str, **changed: Any) -> Any:
    kind, more = CONFIGS[name]
    common = {
        "vocab_size": VOCABULARY,
        "hidden_size": 64,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
    }
    return AutoConfig.for_model(kind, **(common | more | changed))


def model_of(name: str, implementation: str, dtype: torch.dtype = torch.float32, **changed: Any) -> Any:
    """The same weights for the same name, in every type: a generator draws other numbers for a half-precision tensor.

    Wide ones, so that tokens that should not be seen would be noticed.
    """
    torch.manual_seed(0)
    lm = AutoModelForCausalLM.from_config(
        config_of(name, **changed), attn_implementation=implementation, dtype=dtype
    )
    for parameter in lm.parameters():
        if parameter.ndim > 1:
            drawn = torch.nn.init.normal_(torch.empty_like(parameter, dtype=torch.float32), std=0.1)
            parameter.data.copy_(drawn.bfloat16())
    return lm.eval()


def documents(lengths: tuple[int, ...] = LENGTHS) -> list[list[int]]:
    generator = torch.Generator().manual_seed(1)
    return [torch.randint(3, VOCABULARY, (n,), generator=generator).tolist() for n in lengths]


def batch_of(some: list[list[int]], *, flat: bool, device: str = "cpu") -> dict[str, Any]:
    """The documents packed into one row, as training reads them."""
    ids = [token for document in some for token in document]
    batch = Collator(0, flat=flat)([{"input_ids": ids, "labels": ids, "seq_lengths": [len(d) for d in some]}])
    return {name: x.to(device) if isinstance(x, torch.Tensor) else x for name, x in batch.items()}


def pass_through(lm: Any, batch: dict[str, Any]) -> torch.Tensor:
    """Logits (tokens, vocabulary); adds the gradient of the summed cross entropy to the parameters."""
    given = {name: x for name, x in batch.items() if name != "labels"}
    logits = lm(**given, use_cache=False).logits[0].float()
    loss = torch.nn.functional.cross_entropy(
        logits[:-1], batch["labels"][0, 1:], ignore_index=IGNORED, reduction="sum"
    )
    loss.backward()
    return logits.detach()


def taken_gradients(lm: Any) -> dict[str, torch.Tensor]:
    """By parameter; they are zero afterwards."""
    gradients = {name: p.grad.float() for name, p in lm.named_parameters() if p.grad is not None}
    lm.zero_grad()
    return gradients


def largest_difference(lm: Any, other: Any, *, flat: bool, device: str = "cpu") -> tuple[float, float]:
    """Of logits and of gradients, relative: the documents in one row through `lm`, each alone through `other`."""
    some = documents()
    packed = pass_through(lm, batch_of(some, flat=flat, device=device))
    found = taken_gradients(lm)
    alone = torch.cat(
        [pass_through(other, batch_of([d], flat=False, device=device)) for d in some if len(d) > 0]
    )
    expected = taken_gradients(other)
    assert found.keys() == expected.keys()
    largest = max(gradient.norm() for gradient in expected.values())
    differences = [
        (found[name] - expected[name]).norm() / expected[name].norm().clamp(min=1e-3 * largest)
        for name in expected
    ]
    return float((packed - alone).norm() / alone.norm()), float(max(differences))
