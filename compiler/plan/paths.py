"""Paths in a recipe are relative to the file they stand in; paths in a plan are relative to the recipe's folder."""

from __future__ import annotations

import os
from pathlib import Path

from smolc.compiler.diagnostics import Span
from smolc.compiler.model.addresses import is_remote
from smolc.compiler.resolve import Resolved


def root_of(resolved: Resolved) -> Path:
    """The folder that a plan's relative paths start from: the recipe's own."""
    return resolved.files[0].parent


def located(resolved: Resolved, written: str, span: Span | None) -> Path:
    """Where a path written at `span` lies on this machine."""
    folder = resolved.folders.get(span.source.name) if span else None
    return (folder or root_of(resolved)) / written


def relative(resolved: Resolved, written: str, span: Span | None) -> str:
    """The path as a plan says it: POSIX, relative to the recipe's folder; absolute only if it was written so.

    Addresses stay what they are.
    """
    if Path(written).is_absolute() or is_remote(written):
        return written
    root = root_of(resolved)
    folder = resolved.folders.get(span.source.name, root) if span else root
    if folder == root:
        return Path(os.path.normpath(written)).as_posix()
    return Path(os.path.relpath(folder / written, root)).as_posix()
