"""A recipe with its parents as trees, one for each file: names are looked up in them, also while there are mistakes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from smolc.compiler.diagnostics import Diagnostic, Source
from smolc.compiler.resolve.resolve import MOST_PARENTS
from smolc.compiler.syntax import parse, tree
from smolc.compiler.syntax.read import read_source

Texts = Mapping[Path, str]
"""What the editor holds, by resolved path; it stands for what is in the file."""


@dataclass(frozen=True, eq=False)
class Opened:
    """One file. found: what is wrong with it as text."""

    path: Path
    source: Source
    file: tree.File
    found: tuple[Diagnostic, ...]

    def blocks(self) -> Iterator[tree.Block]:
        return (item for item in self.file.items if isinstance(item, tree.Block))

    def block(self, kind: str, label: str) -> tree.Block | None:
        return next(
            (b for b in self.blocks() if b.kind.text == kind and b.label and b.label.text == label), None
        )


def opened(path: Path, texts: Texts) -> Opened | None:
    """None for a file that cannot be read."""
    text = texts.get(path)
    if text is None:
        source, _ = read_source(path, str(path))
        return None if source is None else _parsed(path, source.text)
    # Characters that a recipe may not hold are no reason to fall silent in an editor.
    return _parsed(path, normal(text))


@lru_cache(maxsize=64)
def _parsed(path: Path, text: str) -> Opened:
    """Kept, since an editor asks much about one text before it changes."""
    source = Source(str(path), text)
    file, found = parse(source)
    return Opened(path, source, file, tuple(found))


def chain(path: Path, texts: Texts) -> list[Opened]:
    """The file at `path` (resolved), then its parents as far as they can be read. Empty if it cannot be read itself."""
    files: list[Opened] = []
    at: Path | None = path
    while at is not None and len(files) < MOST_PARENTS and at not in [f.path for f in files]:
        one = opened(at, texts)
        if one is None:
            break
        files.append(one)
        at = parent_of(one)
    return files


def parent_of(one: Opened) -> Path | None:
    """Where `extends` points."""
    if one.file.extends is None or not one.file.extends.value.endswith(".recipe"):
        return None
    try:
        return (one.path.parent / one.file.extends.value).resolve()
    except (OSError, ValueError):
        return None


def normal(text: str) -> str:
    """As the compiler reads it, so that offsets mean the same."""
    return text.removeprefix("\ufeff").replace("\r\n", "\n")
