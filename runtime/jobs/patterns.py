"""Names of files with `*`, `?`, `[...]` and `**` in them. `compiler/plan/patterns.py` finds the same files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path


def is_pattern(name: str) -> bool:
    return any(sign in name for sign in "*?[")


def matching(root: Path, pattern: str) -> list[str]:
    """Files that a pattern stands for, sorted; relative to `root` (POSIX).

    `**` is any number of folders, none as well; it follows no links and looks into no compiled folder, where a run
    writes. Names with a leading dot are found only by a part of the pattern that begins with one.
    """
    parts: list[str] = []
    for part in pattern.split("/"):
        if part not in ("", ".") and [*parts[-1:], part] != ["**", "**"]:
            parts.append(part)
    return sorted(set(_below(root, "", parts)))


def _below(folder: Path, at: str, parts: list[str]) -> Iterator[str]:
    if not parts:
        return
    first, *rest = parts
    if first == "**":
        yield from _below(folder, at, rest)
    if not is_pattern(first):
        yield from _found(folder, at, first, rest)
        return
    try:
        names = os.listdir(folder)  # noqa: PTH208  names alone are wanted
    except OSError:
        return
    for name in names:
        if name.startswith(".") and not first.startswith("."):
            continue
        if first == "**":
            inside = folder / name
            if inside.is_dir() and not inside.is_symlink() and not _compiled(inside):
                yield from _below(inside, f"{at}{name}/", parts)
        elif fnmatchcase(name, first):
            yield from _found(folder, at, name, rest)


def _found(folder: Path, at: str, name: str, rest: list[str]) -> Iterator[str]:
    path = folder / name
    if rest:
        yield from _below(path, f"{at}{name}/", rest)
    elif os.path.isfile(path):  # noqa: PTH113  False, too, for a link that leads to itself
        yield f"{at}{name}"


def _compiled(folder: Path) -> bool:
    return (folder / "manifest.json").is_file() and (folder / "jobs").is_dir()
