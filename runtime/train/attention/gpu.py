"""The GPU, and which FlashAttention packages are installed beside torch."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from smolc.runtime.train.attention.varlen import has_varlen

PACKAGES = {
    "flash_attention_2": "flash-attn (2.6 or later)",
    "flash_attention_3": "flash-attn-3",
    "flash_attention_4": "flash-attn-4",
}


@dataclass(frozen=True)
class Gpu:
    """capability: CUDA's compute capability, (9, 0) for an H100. installed: kinds of attention that can be imported."""

    capability: tuple[int, int]
    installed: frozenset[str]


def this_gpu() -> Gpu:
    """Where several are seen, the one that this process computes on."""
    from transformers.utils.import_utils import (
        is_flash_attn_2_available,
        is_flash_attn_3_available,
        is_flash_attn_4_available,
        is_flash_attn_greater_or_equal,
    )

    there = {
        # 2.6 brought soft-capping; before, the keyword was an error.
        "flash_attention_2": is_flash_attn_2_available() and is_flash_attn_greater_or_equal("2.6.0"),
        "flash_attention_3": is_flash_attn_3_available(),
        "flash_attention_4": is_flash_attn_4_available(),
        "varlen": has_varlen(),
    }
    return Gpu(
        torch.cuda.get_device_capability(), frozenset(kind for kind, is_there in there.items() if is_there)
    )
