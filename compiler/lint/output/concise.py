"""A line for each finding, as compilers print them: editors and grep understand it."""

from __future__ import annotations

from collections.abc import Sequence

from smolc.compiler.diagnostics import Diagnostic
from smolc.compiler.diagnostics.render import render_concise


def render(found: list[Diagnostic], recipes: Sequence[str], color: bool) -> str:
    return render_concise(found)
