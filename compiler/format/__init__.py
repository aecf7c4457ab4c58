"""The one canonical form of a recipe, with its comments."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from smolc.compiler.format.form import HasMistakes, NotFaithful, canonical, format_source, formatted
    from smolc.compiler.format.value import print_section, print_value

__all__ = [
    "HasMistakes",
    "NotFaithful",
    "canonical",
    "format_source",
    "formatted",
    "print_section",
    "print_value",
]


def __getattr__(name: str) -> Any:
    """Imported when it is asked for: what only prints a value needs nothing of the rest."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = "value" if name.startswith("print_") else "form"
    return getattr(import_module(f"{__name__}.{module}"), name)
