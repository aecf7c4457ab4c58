"""The text cases in `cases/` (see the README there)."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from smolc.compiler.diagnostics.render import render_full
from smolc.compiler.model.build import build
from smolc.compiler.resolve import resolve

HERE = Path(__file__).parent


def cases() -> list[object]:
    found = []
    for file in sorted((HERE / "cases").glob("*.txt")):
        for part in re.split(r"^=== ", file.read_text(encoding="utf-8"), flags=re.M)[1:]:
            title, _, body = part.partition("\n")
            text, _, expected = body.rpartition("---\n")
            found.append(pytest.param(text, expected.splitlines(), id=f"{file.stem}: {title}"))
    return found


@pytest.mark.parametrize(("text", "expected"), cases())
def test_case(text: str, expected: list[str], tmp_path: Path) -> None:
    shutil.copy(HERE / "base.recipe", tmp_path)
    recipe = tmp_path / "case.recipe"
    recipe.write_text(text, encoding="utf-8")
    resolved, found = resolve(recipe)
    assert resolved is not None
    made, more = build(resolved)
    stopped = bool(more)
    found = [*found, *more]
    shown = render_full(found)
    reports = [line for line in expected if line and not line.startswith("= ")]
    assert len(found) == len(reports), shown
    assert (made is None) == stopped, shown
    current = None
    remaining = list(found)
    for line in expected:
        if line.startswith("= "):
            assert current is not None and line[2:] in (current.help or ""), shown
        elif line:
            code, place, words = line.split(" ", 2)
            current = next(
                (
                    d
                    for d in remaining
                    if d.span and (d.code, _place(d.span)) == (code, place) and words in d.message
                ),
                None,
            )
            assert current is not None, f"no `{line}` in:\n{shown}"
            remaining.remove(current)


def _place(span: object) -> str:
    return f"{span.line}:{span.column}"  # type: ignore[attr-defined]
