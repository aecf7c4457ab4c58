"""A JSON list with everything that is known of each finding."""

from __future__ import annotations

from collections.abc import Sequence

from smolc.compiler.diagnostics import Diagnostic
from smolc.compiler.diagnostics.render import render_json


def render(found: list[Diagnostic], recipes: Sequence[str], color: bool) -> str:
    return render_json(found)
