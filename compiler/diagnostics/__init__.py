"""What the compiler has to say about a recipe, and the printers that say it."""

from smolc.compiler.diagnostics.source import Source, Span
from smolc.compiler.diagnostics.types import Diagnostic, Edit, Label, Severity

__all__ = ["Diagnostic", "Edit", "Label", "Severity", "Source", "Span"]
