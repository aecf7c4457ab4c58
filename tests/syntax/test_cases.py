"""The text cases in `cases/` (see the README there)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from smolc.compiler.diagnostics import Source
from smolc.compiler.diagnostics.render import render_full
from smolc.compiler.syntax import parse
from smolc.compiler.syntax.tree import Block, Item

CASES = Path(__file__).parent / "cases"


def cases() -> list[pytest.param]:  # type: ignore[valid-type]
    found = []
    for file in sorted(CASES.glob("*.txt")):
        for part in re.split(r"^=== ", file.read_text(encoding="utf-8"), flags=re.M)[1:]:
            title, _, body = part.partition("\n")
            text, _, expected = body.rpartition("---\n")
            found.append(pytest.param(text, expected.splitlines(), id=f"{file.stem}: {title}"))
    return found


def leaves(items: tuple[Item, ...]) -> list[Item]:
    return [leaf for item in items for leaf in (leaves(item.items) if isinstance(item, Block) else [item])]


@pytest.mark.parametrize(("text", "expected"), cases())
def test_case(text: str, expected: list[str]) -> None:
    file, found = parse(Source("case.recipe", text))
    wanted = [line for line in expected if line and not line.startswith("keeps ")]
    shown = render_full(found)
    assert len(found) == len(wanted), shown
    for diagnostic, line in zip(found, wanted, strict=True):
        code, place, words = line.split(" ", 2)
        assert diagnostic.span is not None
        assert (diagnostic.code, f"{diagnostic.span.line}:{diagnostic.span.column}") == (code, place), shown
        assert words in diagnostic.message, shown
    for line in expected:
        if line.startswith("keeps "):
            assert len(leaves(file.items)) == int(line.split()[1]), [
                leaf.span.text for leaf in leaves(file.items)
            ]
