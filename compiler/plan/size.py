"""How large a model is, from what the recipe says alone."""

from __future__ import annotations

import re

from smolc.compiler.model.methods import Full
from smolc.compiler.model.stage import Stage
from smolc.compiler.model.start import Model

BYTES_PER_TRAINED = 18.0
"""fp32 weights, gradients and two AdamW moments (16 bytes), and a bf16 copy during the forward pass (2)."""

BYTES_PER_FROZEN = 4.0

SIZE = re.compile(r"(?<![a-z0-9.])(\d+(?:\.\d+)?)\s?([mb])(?![a-z0-9])", re.IGNORECASE)


def parameters(model: Model) -> float | None:
    """Parameter count: counted for a model from scratch, read from a name such as `SmolLM3-3B` otherwise; or unknown."""
    shape = model.scratch
    if shape is not None:
        width = shape.intermediate or 4 * shape.hidden
        kv = (shape.kv_heads or shape.heads) * (shape.hidden // shape.heads)
        attention = 2 * shape.hidden * shape.hidden + 2 * shape.hidden * kv
        return float(shape.layers * (attention + 3 * shape.hidden * width) + 256 * shape.hidden)
    name = (model.hub or model.path or "").replace("_", "-")
    match = SIZE.search(name)
    return float(match[1]) * (1e6 if match[2].lower() == "m" else 1e9) if match else None


def training_bytes(model: Model, stage: Stage) -> float | None:
    """Memory of weights, gradients and optimiser on one unsharded device, in bytes, without activations."""
    count = parameters(model)
    if count is None:
        return None
    return count * (BYTES_PER_TRAINED if isinstance(stage.adapter, Full) else BYTES_PER_FROZEN)
