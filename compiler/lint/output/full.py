"""With the lines that it is about; for people."""

from __future__ import annotations

from collections.abc import Sequence

from smolc.compiler.diagnostics import Diagnostic
from smolc.compiler.diagnostics.render import render_full


def render(found: list[Diagnostic], recipes: Sequence[str], color: bool) -> str:
    return render_full(found, color)
