"""Texts with a cursor in them, written `‸`."""

from __future__ import annotations

from pathlib import Path

MARK = "‸"


def marked(folder: Path, text: str, **others: str) -> tuple[Path, int, dict[Path, str]]:
    """The recipe's path, the cursor's place, and what the editor holds. others: more files by name without ending."""
    assert text.count(MARK) == 1, text
    path = (folder / "case.recipe").resolve()
    texts = {path: text.replace(MARK, "")}
    texts |= {(folder / f"{name}.recipe").resolve(): other for name, other in others.items()}
    return path, text.index(MARK), texts
