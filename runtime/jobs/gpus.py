"""GPUs by the names that CUDA_VISIBLE_DEVICES gives them."""

from __future__ import annotations

import os


def named() -> list[str] | None:
    """None where it is not set: then all of the machine are in sight."""
    said = os.environ.get("CUDA_VISIBLE_DEVICES")
    if said is None:
        return None
    return [name.strip() for name in said.split(",") if name.strip() not in ("", "-1")]
