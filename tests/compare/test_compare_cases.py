"""The text cases in `cases/`: two recipes that extend `base.recipe`, and what is said of the step from one to the other.

=== title
what the recipe adds to base.recipe before
+++
and after
---
what `smolc diff` prints, less its first line
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from comparing import said

HERE = Path(__file__).parent


def cases() -> list[object]:
    found = []
    for file in sorted((HERE / "cases").glob("*.txt")):
        for part in re.split(r"^=== ", file.read_text(encoding="utf-8"), flags=re.M)[1:]:
            title, _, body = part.partition("\n")
            before, _, rest = body.partition("+++\n")
            after, _, expected = rest.partition("---\n")
            found.append(pytest.param(before, after, expected.strip("\n"), id=f"{file.stem}: {title}"))
    return found


@pytest.mark.parametrize(("before", "after", "expected"), cases())
def test_case(before: str, after: str, expected: str, tmp_path: Path) -> None:
    shutil.copy(HERE / "base.recipe", tmp_path)
    (tmp_path / "same.jinja").write_text("same", encoding="utf-8")
    for name, text in (("before", before), ("after", after)):
        (tmp_path / f"{name}.recipe").write_text(f'extends "base.recipe"\n{text}', encoding="utf-8")
    shown = said(tmp_path / "before.recipe", tmp_path / "after.recipe")
    assert shown == expected, shown
