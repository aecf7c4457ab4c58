"""Whether a pattern such as `data/**/*.jsonl` stands for any file here."""

from __future__ import annotations

import os
from collections.abc import Iterator
from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path

from smolc.compiler.model.addresses import is_pattern

MOST = 20_000
"""Names that are looked at. A pattern may start high up in a large tree; then it is taken to fit something."""


class _TooMany(Exception):
    pass


def any_file(folder: Path, pattern: str) -> bool:
    """Whether a file below `folder` fits. Links to folders are not followed by `**`; hidden names fit no wildcard."""
    try:
        return any(_files(str(folder), pattern.split("/"), iter(range(MOST))))
    except (_TooMany, RecursionError):
        return True


def _files(folder: str, parts: list[str], budget: Iterator[int]) -> Iterator[bool]:
    head, *rest = parts
    if head in ("", "."):
        yield from _files(folder, rest, budget)
    elif head == "**":
        yield from _files(folder, rest, budget)
        for entry in _entries(folder, budget):
            if not entry.name.startswith(".") and entry.is_dir(follow_symlinks=False):
                yield from _files(entry.path, parts, budget)
    elif is_pattern(head):
        for entry in _entries(folder, budget):
            hidden = entry.name.startswith(".") and not head.startswith(".")
            if not hidden and fnmatchcase(entry.name, head):
                yield from _one(entry.path, rest, budget)
    else:
        yield from _one(f"{folder}/{head}", rest, budget)


def _one(path: str, rest: list[str], budget: Iterator[int]) -> Iterator[bool]:
    if rest:
        yield from _files(path, rest, budget)
    elif os.path.isfile(path):  # noqa: PTH113  most of them are only looked at
        yield True


def _entries(folder: str, budget: Iterator[int]) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            found = [entry for entry, _ in zip(entries, budget, strict=False)]
    except OSError:
        return []
    if next(islice(budget, 1), None) is None:
        raise _TooMany
    return found
