"""What a model's attention computes, read from its config and its class in transformers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

STATES = frozenset(
    {
        "compressed_sparse_attention",
        "conv",
        "heavily_compressed_attention",
        "hybrid",
        "hybrid_sliding",
        "linear_attention",
        "mamba",
        "mamba2",
        "recurrent",
    }
)
"""Types of layers through which a token reaches later ones other than by attention, so that no mask stops it."""

HEADS = ("head_dim", "global_head_dim", "qk_head_dim", "swa_head_dim")
VALUE_HEADS = ("v_head_dim", "swa_v_head_dim")
DROPOUTS = ("attention_dropout", "attn_pdrop", "attn_dropout", "attention_probs_dropout_prob")


@dataclass(frozen=True)
class Attends:
    """width: of query and key heads, the widest of all layers. value_width: of value heads. states: kinds of layers that
    carry a state from token to token. chunk: tokens of a piece that its layers attend within, if some do. sdpa, flash,
    by_name: whether the class takes scaled_dot_product_attention, kernels without a mask, and functions registered by
    name. kernels: the only flash kernels that compute its attention, if it names any. own_code: the class came with the
    model, so the flags are unknown."""

    name: str
    width: int | None
    value_width: int | None
    softcap: bool
    dropout: bool
    states: tuple[str, ...]
    chunk: int | None
    sdpa: bool
    flash: bool
    by_name: bool
    kernels: tuple[str, ...] | None
    own_code: bool


def attends(config: Any) -> Attends:
    """config: the text config of a causal language model, as transformers reads it."""
    known = causal_class(config)
    width, value_width = widths(config)
    return Attends(
        name=known.__name__ if known is not None else str(getattr(config, "model_type", "the model")),
        width=width,
        value_width=value_width,
        softcap=_said(config, "attn_logit_softcapping") is not None,
        dropout=any(_said(config, name) for name in DROPOUTS),
        states=states(config, known),
        chunk=chunk(config),
        sdpa=bool(getattr(known, "_supports_sdpa", True)),
        flash=bool(getattr(known, "_supports_flash_attn", False)),
        by_name=bool(getattr(known, "_supports_attention_backend", False)),
        kernels=_kernels(known),
        own_code=known is None,
    )


def causal_class(config: Any) -> Any | None:
    """transformers' class for this config; None for code that came with the model."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING

    try:
        found = MODEL_FOR_CAUSAL_LM_MAPPING[type(config)]
    except KeyError:
        return None
    return found[0] if isinstance(found, (tuple, list)) else found


def widths(config: Any) -> tuple[int | None, int | None]:
    """The widest query heads and value heads of any layer, None if unknown."""
    layers = [config, *_per_layer(config)]
    said = [_said(layer, name) for layer in layers for name in HEADS]
    said += [
        rope + plain
        for layer in layers
        if isinstance(rope := _said(layer, "qk_rope_head_dim"), int)
        and isinstance(plain := _said(layer, "qk_nope_head_dim"), int)
    ]
    sizes = [size for size in said if isinstance(size, int) and size > 0]
    if not sizes:
        hidden, heads = _said(config, "hidden_size"), _said(config, "num_attention_heads")
        sizes = [hidden // heads] if isinstance(hidden, int) and isinstance(heads, int) and heads else []
    values = [size for layer in layers for name in VALUE_HEADS if isinstance(size := _said(layer, name), int)]
    width = max(sizes, default=None)
    return width, max(values, default=width)


def states(config: Any, known: Any | None) -> tuple[str, ...]:
    """Layers that carry a state. The types of layers say it best: a class for hybrids may hold attention alone."""
    types = set(_said(config, "layer_types") or ())
    if types:
        return tuple(sorted(types & STATES))
    return ("recurrent",) if getattr(known, "_is_stateful", False) else ()


def chunk(config: Any) -> int | None:
    """Llama 4's layers with chunked attention."""
    size = _said(config, "attention_chunk_size")
    return size if size and "chunked_attention" in (_said(config, "layer_types") or ()) else None


def _per_layer(config: Any) -> list[Any]:
    """transformers 5.23 keeps a config for each layer where layers differ in shape (Gemma 4)."""
    return list(config.per_layer_config) if getattr(config, "is_heterogeneous", False) else []


def _said(config: Any, name: str) -> Any:
    """None as well where a value differs from layer to layer, which transformers refuses to say as one."""
    try:
        return getattr(config, name, None)
    except RuntimeError:
        return None


def _kernels(known: Any | None) -> tuple[str, ...] | None:
    listed = getattr(known, "_compatible_flash_implementations", None)
    return None if listed is None else tuple(listed)
