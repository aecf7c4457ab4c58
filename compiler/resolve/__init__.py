"""Tree -> Resolved: parents, `drop` and overrides applied; every value still knows where it came from."""

from smolc.compiler.resolve.resolve import resolve
from smolc.compiler.resolve.resolved import Field, Resolved, Section

__all__ = ["Field", "Resolved", "Section", "resolve"]
