"""Helpers of the tests that compare recipes."""

from __future__ import annotations

from pathlib import Path

from smolc.compiler.compare.changes import Compared, compare
from smolc.compiler.compare.follows import follows
from smolc.compiler.compare.side import Side
from smolc.compiler.compare.text import as_text
from smolc.compiler.diagnostics.render import render_full
from smolc.compiler.model.build import build
from smolc.compiler.plan import plan
from smolc.compiler.resolve import resolve


def side(path: Path, *overrides: str, on: str | None = None, text: str | None = None) -> Side:
    """A recipe without mistakes; `text` stands for the file's."""
    resolved, found = resolve(
        path, overrides, shown=path.name, texts={path.resolve(): text} if text else None
    )
    assert resolved is not None and not found, render_full(found)
    recipe, found = build(resolved)
    assert recipe is not None and not found, render_full(found)
    made, found = plan(recipe, resolved, on)
    assert made is not None and not found, render_full(found)
    return Side(resolved, recipe, made)


def said(before: Path, after: Path) -> str:
    """What `smolc diff` prints, less its first line."""
    sides = side(before), side(after)
    compared = compare(*sides)
    text = as_text("before", "after", compared, follows(*sides, compared.names))
    return text.partition("\n")[2].strip("\n")


def addresses(compared: Compared) -> list[str]:
    return [f"{b.address}.{c.key}" for b in compared.blocks for c in b.changes]
