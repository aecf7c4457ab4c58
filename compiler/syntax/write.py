"""Writes texts: beside the file first, then in its place, so that nothing is ever half-written."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from tempfile import mkstemp

from smolc.compiler.diagnostics.types import Refused
from smolc.compiler.syntax.read import LARGEST, decode, read_bytes


class CannotWrite(Refused):
    """The file is as it was. The message says why, and leaves it to others to say which file."""


def replace_text(path: Path, before: str, after: str) -> None:
    """Write `after` to a recipe that was read as `before`; line ends and byte-order mark stay. As `replace_bytes`."""
    data, _ = read_bytes(path, str(path))
    source = decode(data, str(path))[0] if data is not None else None
    if data is None or source is None or source.text != before:
        raise CannotWrite("it changed in the meantime; try again")
    if b"\r\n" in data:
        after = after.replace("\n", "\r\n")
    if data.startswith(b"\xef\xbb\xbf"):
        after = "\ufeff" + after
    replace_bytes(path, data, after)


def replace_bytes(path: Path, before: bytes, text: str) -> None:
    """Write `text` in place of `before`. Owner and mode stay; of a link, what it points to is written.

    Raises CannotWrite if the file no longer holds `before`, or cannot be written.
    """
    try:
        target = path.resolve(strict=True)
        if not os.access(target, os.W_OK):
            raise CannotWrite("it is write-protected")
        status = target.stat()
        temporary = _beside(target, text)
        try:
            with suppress(OSError):  # only root may give a file away
                os.chown(temporary, status.st_uid, status.st_gid)
            temporary.chmod(status.st_mode & 0o7777)
            with target.open("rb") as file:
                if file.read(LARGEST + 1) != before:
                    raise CannotWrite("it changed in the meantime; try again")
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
    except FileNotFoundError:
        raise CannotWrite("it was taken away in the meantime") from None
    except (OSError, RuntimeError) as error:
        raise CannotWrite(getattr(error, "strerror", None) or str(error)) from error


def write_text(path: Path, text: str) -> None:
    """Write a whole file as UTF-8, new or not. Raises Refused if that cannot be done; the file then is as it was."""
    try:
        if path.exists() and not path.is_file() and not path.is_dir():  # a pipe, /dev/stdout
            with path.open("w", encoding="utf-8", newline="") as file:
                file.write(text)
            return
        target = path.resolve()
        mode = target.stat().st_mode & 0o7777 if target.exists() else 0o666 & ~_umask()
        temporary = _beside(target, text)
        try:
            temporary.chmod(mode)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
    except (OSError, ValueError, RuntimeError) as error:
        raise Refused(f"cannot write {path}: {getattr(error, 'strerror', None) or error}") from error


def _beside(target: Path, text: str) -> Path:
    """A temporary file in the same folder, hence on the same disk."""
    handle, name = mkstemp(prefix=f".{target.name[:40]}-", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode())
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return Path(name)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
