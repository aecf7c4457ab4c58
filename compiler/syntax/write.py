"""Writes texts: beside the file first, then in its place, so that nothing is ever half-written."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from smolc.compiler.diagnostics.types import Refused
from smolc.compiler.syntax.read import read_source


def replace_text(path: Path, before: str, after: str) -> None:
    """Write `after` to a recipe that was read as `before`; its mode, line ends and byte-order mark stay.

    A link stays one: what it points to is written. Raises Refused if the file is another by now, or cannot be written.
    """
    source, _ = read_source(path, str(path))
    if source is None or source.text != before:
        raise Refused(f"{path} changed while it was read; nothing was written")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror}") from error
    if b"\r\n" in data:
        after = after.replace("\n", "\r\n")
    if data.startswith(b"\xef\xbb\xbf"):
        after = "\ufeff" + after
    write_text(path, after)


def write_text(path: Path, text: str) -> None:
    """Write a whole file as UTF-8. Raises Refused if that cannot be done; the file then is as it was."""
    try:
        if path.exists() and not path.is_file() and not path.is_dir():  # a pipe, /dev/stdout
            with path.open("w", encoding="utf-8", newline="") as file:
                file.write(text)
            return
        target = path.resolve()
        mode = target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~_umask()
        handle, name = tempfile.mkstemp(prefix=f".{target.name[:40]}-", dir=target.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
                file.write(text)
            Path(name).chmod(mode)
            Path(name).replace(target)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except (OSError, ValueError, RuntimeError) as error:
        raise Refused(f"cannot write {path}: {getattr(error, 'strerror', None) or error}") from error


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
