"""TOML, as Python's own parser reads it."""

from __future__ import annotations

import sys
from typing import Any


def loads(text: str) -> dict[str, Any]:
    """Raises ValueError where it is no TOML, with a message that says where."""
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib  # type: ignore[import-not-found, unused-ignore]
    try:
        return tomllib.loads(text)  # type: ignore[no-any-return, unused-ignore]
    except RecursionError:
        raise ValueError("nested too deeply") from None
