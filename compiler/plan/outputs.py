"""What a compiled folder holds, read as plain files: another program may have written or cut them."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from pathlib import Path
from typing import Any

LARGEST = 16 * 2**20


class Unreadable(Exception):
    """A file that is there and is not what it should be; the message says why, in a few words."""


def read_bytes(path: Path, largest: int = LARGEST) -> bytes | None:
    """A file's content, or None if there is none. Raises Unreadable."""
    try:
        # A pipe would be waited for.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise Unreadable(getattr(error, "strerror", None) or str(error)) from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise Unreadable("is not a regular file")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            data = file.read(largest + 1)
    except OSError as error:
        raise Unreadable(error.strerror or str(error)) from error
    finally:
        os.close(descriptor)
    if len(data) > largest:
        raise Unreadable(f"is larger than {largest // 2**20} MiB")
    return data


def read_object(path: Path) -> dict[str, Any] | None:
    """A JSON object, or None if there is no such file. Raises Unreadable."""
    data = read_bytes(path)
    if data is None:
        return None
    try:
        value = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError):
        raise Unreadable("is cut short" if _cut(data) else "is not JSON") from None
    if not isinstance(value, dict):
        raise Unreadable("is not a JSON object")
    return value


def read_job(path: Path) -> dict[str, Any] | None:
    """A job.yaml, or None if there is none or it cannot be understood: it only tells what changed."""
    try:
        data = read_bytes(path)
    except Unreadable:
        return None
    if data is None:
        return None
    import yaml

    loader: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        text = data.decode("utf-8")
        # We write no aliases; with them a short file could stand for more values than there is memory for.
        if "*" in text and any(
            isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=loader)
        ):
            return None
        value = yaml.load(text, Loader=loader)
    except (yaml.YAMLError, ValueError, RecursionError, TypeError):
        return None
    return value if isinstance(value, dict) else None


def sha256_of(path: Path) -> str:
    """Of a file of any size, read in pieces. Raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def _cut(data: bytes) -> bool:
    """Whether a text begins as a JSON object and does not end as one."""
    text = data.strip()
    return not text or (text.startswith(b"{") and not text.endswith(b"}"))
