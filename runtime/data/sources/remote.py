"""Files at addresses, through fsspec: `s3://`, `gs://`, `az://` and `hf://`, with the credentials of this machine."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.patterns import is_pattern

PACKAGES = {"s3": "s3fs", "gs": "gcsfs", "az": "adlfs", "hf": "huggingface_hub"}
"""Addresses that are read, and the package that reads each: fsspec knows more, some of which run commands."""

BUFFER = 1 << 20

_SECRET = re.compile(
    r"(?i)\b([\w-]*(?:key|token|secret|sig|signature|password|credential)[\w-]*)([=:]\s*)\S+"
)
_QUERY = re.compile(r"[?&#][\w.-]+=")


@dataclass(frozen=True)
class Remote:
    """about: what tells when it is another file: its size, and what the store calls this version of it."""

    name: str
    size: int
    about: dict[str, Any]
    opened: Callable[[], io.BufferedReader]


def find(address: str) -> list[Remote]:
    """The file at an address, or those that a pattern stands for, sorted. Raises JobError."""
    scheme, _, path = address.partition("://")
    if scheme not in PACKAGES:
        known = ", ".join(f"{name}://" for name in PACKAGES)
        raise JobError(
            f"data is not read from {scheme}://"
            if re.fullmatch(r"[A-Za-z][\w+.-]*", scheme)
            else "`://` in the middle of a path",
            help=f"write one of {known}, or the path of a file",
        )
    if "::" in path or "@" in path.partition("/")[0] or _QUERY.search(path):
        raise JobError(
            f"an address of {scheme}:// with `::`, or with credentials in it",
            help="take them out: the credentials of this machine are used",
        )
    system = _system(scheme, address)
    with _told(address):
        if is_pattern(path):
            matches: dict[str, Any] = system.glob(system._strip_protocol(address), detail=True)
            infos = [info for _, info in sorted(matches.items()) if info.get("type") == "file"]
        else:
            infos = [system.info(system._strip_protocol(address))]
            if infos[0].get("type") != "file":
                raise FileNotFoundError
    if not infos:
        raise JobError(f"{address}: no such file")
    return [_file(scheme, system, info) for info in infos]


def _system(scheme: str, address: str) -> Any:
    import fsspec

    try:
        fsspec.get_filesystem_class(scheme)
    except ImportError as error:
        package = PACKAGES[scheme]
        raise JobError(
            f"{address}: {scheme}:// is read with {package}, which is not installed",
            help=f"pip install {package}",
        ) from error
    with _told(address):
        return fsspec.filesystem(scheme)


def _file(scheme: str, system: Any, info: dict[str, Any]) -> Remote:
    path = str(info["name"])
    name = f"{scheme}://{path.lstrip('/')}"

    def opened() -> io.BufferedReader:
        with _told(name):
            return io.BufferedReader(_Reader(name, system.open(path, "rb")), BUFFER)

    size = int(info.get("size") or 0)
    return Remote(name, size, {"address": name, "bytes": size, **_version(system, path, info)}, opened)


def _version(system: Any, path: str, info: dict[str, Any]) -> dict[str, str]:
    """Stores have different names for one thing."""
    said = {}
    for key, names in {
        "etag": ("ETag", "etag", "blob_id", "md5Hash", "content_md5"),
        "changed": ("LastModified", "last_modified", "updated", "mtime", "created"),
    }.items():
        value = next((info[name] for name in names if info.get(name)), None)
        if value is not None:
            said[key] = str(value)
    return said or {"version": str(system.ukey(path))}


class _Reader(io.RawIOBase):
    """A file of fsspec whose errors are JobErrors."""

    def __init__(self, name: str, file: Any) -> None:
        self._name, self._file = name, file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        with _told(self._name):
            piece = self._file.read(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)

    def seek(self, offset: int, whence: int = 0) -> int:
        return int(self._file.seek(offset, whence))

    def tell(self) -> int:
        return int(self._file.tell())

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()


@contextmanager
def _told(address: str) -> Iterator[None]:
    """Clients of stores raise kinds of their own, and may quote what they sent: one line is shown, without secrets."""
    try:
        yield
    except (JobError, GeneratorExit):
        raise
    except FileNotFoundError as error:
        raise JobError(f"{address}: no such file") from error
    except PermissionError as error:
        raise JobError(
            f"{address}: may not be read with this machine's credentials",
            help="check them, and that they are for this bucket",
        ) from error
    except Exception as error:
        line = (str(error) or type(error).__name__).splitlines()[0]
        reason = _SECRET.sub(r"\1\2...", line)[:200]
        raise JobError(f"{address}: cannot be read: {reason}") from error
