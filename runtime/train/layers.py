"""What is done to each decoder layer: gathered as one, compiled, or its activations computed again in the backward pass.

The latter two wrap `forward` alone: hooks of FSDP2 and ZeRO stay outside, names of parameters stay what they are.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch.utils.checkpoint import checkpoint


def decoder_layers(model: Any) -> list[Any]:
    """The repeated blocks, in order: the longest list of modules of a class that the model keeps in one piece."""
    whole = set(getattr(model, "_no_split_modules", None) or ())
    lists = [m for m in model.modules() if isinstance(m, torch.nn.ModuleList) and len(m) > 0]
    blocks = [m for m in lists if all(type(layer).__name__ in whole for layer in m)]
    return list(max(blocks, key=len, default=[]))


def arrange(model: Any, *, compiled: bool, recomputed: float) -> None:
    """recomputed: share of the layers, 0 to 1."""
    if compiled:
        _compile(model)
    recompute(model, recomputed)


def gather_whole(model: Any) -> None:
    """ZeRO-3 then gathers a layer's weights at once, before its forward or backward pass, instead of each matrix when it is
    needed: fewer waits, and nothing of it is left inside of the layer."""
    from deepspeed.utils import set_z3_leaf_module

    for layer in decoder_layers(model):
        set_z3_leaf_module(layer, True)


def _compile(model: Any) -> None:
    """One program for all layers that are alike. The first passes take a minute, so short runs do without."""
    torch._dynamo.config.cache_size_limit = max(64, torch._dynamo.config.cache_size_limit)
    for layer in decoder_layers(model):
        layer.forward = torch.compile(layer.forward)


def recompute(model: Any, share: float) -> None:
    """Keep only the inputs of the first `share` of the layers (0 to 1). Again with another share replaces it."""
    layers = decoder_layers(model)
    for index, layer in enumerate(layers):
        plain = getattr(layer, "_forward_that_keeps", None)
        if plain is None:
            plain = layer._forward_that_keeps = layer.forward
        if index < round(share * len(layers)):
            layer.forward = partial(_recomputed, layer, plain)
        else:
            layer.forward = plain


def _recomputed(layer: Any, forward: Any, *args: Any, **kwargs: Any) -> Any:
    if not (layer.training and torch.is_grad_enabled()):
        return forward(*args, **kwargs)
    return checkpoint(forward, *args, use_reentrant=False, **kwargs)
