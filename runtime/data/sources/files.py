"""Files of a source: found, told apart by their names, opened and cut into chunks."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any, Protocol

from smolc.runtime.data.sources import remote, tables
from smolc.runtime.data.sources.archives import unpacked
from smolc.runtime.data.sources.array import values
from smolc.runtime.data.sources.chunks import SIZE, Chunk, Lines, Records, Span, Table, Texts, grouped
from smolc.runtime.data.sources.csv import records
from smolc.runtime.jobs.done import sha256_of
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.patterns import is_pattern
from smolc.runtime.jobs.prepare import FileData, MadeData

MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
KINDS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json", ".csv": "csv", ".parquet": "parquet"}
CODECS = {".gz": "gzip", ".zst": "zstd"}


class Files(Protocol):
    """The user's files, as `Context` finds them, and what is known of those that were."""

    @property
    def inputs(self) -> dict[str, dict[str, Any]]: ...

    def user_file(self, relative: str, /) -> Path: ...

    def user_files(self, pattern: str, /) -> list[tuple[str, Path]]: ...

    def made(self, job_id: str, /) -> Path: ...


@dataclass(frozen=True)
class File:
    """name: as the recipe says it, or as its pattern does. codec: what it is compressed with. path: None if it is not
    on this machine. opened: its bytes, from the first. about: what tells a remote file from another."""

    name: str
    kind: str
    codec: str | None
    path: Path | None
    opened: Callable[[], BufferedReader]
    about: dict[str, Any] | None = None

    def content(self) -> BufferedReader:
        """Its bytes, unpacked. Raises JobError if there are none, or if they begin with a byte-order mark."""
        file = unpacked(self.name, self.opened, self.codec) if self.codec else self.opened()
        try:
            start = file.peek(3)[:3]
            if not start:
                raise JobError(f"{self.name}: the file is empty")
            if self.kind != "parquet" and start.startswith(MARKS):
                raise JobError(
                    f"{self.name}:1: the file starts with a byte-order mark ({start[:2].hex(' ')})",
                    help="save it as UTF-8 without a byte-order mark",
                )
        except BaseException:
            file.close()
            raise
        return file


class FileSource:
    """Files, one after the other; each once, however many of the location's paths stand for it."""

    def __init__(self, name: str, location: FileData, files: Files) -> None:
        self._user = files
        self._files: dict[str, File] = {}
        for path in location.paths:
            for file in _remote(path) if "://" in path else _local(path, files):
                self._files.setdefault(file.name, file)
        if not self._files:
            raise JobError(f"{name}: its location names no file")

    def identity(self) -> dict[str, Any]:
        inputs = self._user.inputs
        said = [
            f.about or {"path": f.name, **{key: inputs[f.name][key] for key in ("bytes", "sha256")}}
            for f in self._files.values()
        ]
        return {"files": said}

    def chunks(self) -> Iterator[Chunk]:
        index = 0
        for file in self._files.values():
            try:
                for part in _parts(file):
                    yield Chunk(index, part)
                    index += 1
            except OSError as error:
                raise JobError(f"{file.name}: cannot be read: {error.strerror or error}") from error

    def total(self) -> int | None:
        if any(file.kind != "parquet" for file in self._files.values()):
            return None
        rows = 0
        for file in self._files.values():
            with file.content() as content:
                rows += tables.count(file.name, content)
        return rows


class MadeSource(FileSource):
    """Rows that another job of the folder made."""

    def __init__(self, location: MadeData, files: Files) -> None:
        path = files.made(location.job)
        about = {"made_by": location.job, "bytes": path.stat().st_size, "sha256": sha256_of(path)}
        name = f"{location.job}/{path.name}"
        self._user = files
        self._files = {name: File(name, "jsonl", None, path, _opener(path), about)}


def _local(written: str, files: Files) -> Iterator[File]:
    found = files.user_files(written) if is_pattern(written) else None
    for name, path in found if found is not None else [(written, None)]:
        kind, codec = kind_of(name)
        at = path if path is not None else files.user_file(name)
        if not at.stat().st_size:
            raise JobError(f"{name}: the file is empty")
        yield File(name, kind, codec, at, _opener(at))


def _opener(path: Path) -> Callable[[], BufferedReader]:
    return lambda: path.open("rb")


def _remote(written: str) -> Iterator[File]:
    for one in remote.find(written):
        kind, codec = kind_of(one.name)
        if not one.size:
            raise JobError(f"{one.name}: the file is empty")
        yield File(one.name, kind, codec, None, one.opened, one.about)


def kind_of(name: str) -> tuple[str, str | None]:
    """What a file is by its name, and what it is compressed with. Raises JobError."""
    plain, last = os.path.splitext(name.lower())  # noqa: PTH122  an address is no path
    codec = CODECS.get(last)
    kind = KINDS.get(os.path.splitext(plain)[1] if codec else last)  # noqa: PTH122
    if kind is None:
        raise JobError(
            f"{name}: not a kind of file that is known",
            help=f"data files end in {', '.join(KINDS)}; each but parquet also with {' or '.join(CODECS)}",
        )
    if kind == "parquet" and codec:
        raise JobError(f"{name}: parquet is compressed inside", help="unpack it, and name it .parquet")
    return kind, codec


def _parts(file: File) -> Iterator[Lines | Texts | Records | Table]:
    with file.content() as content:
        if file.kind == "jsonl":
            yield from _lines(file, content)
        elif file.kind == "json":
            yield from values(file.name, content)
        elif file.kind == "csv":
            yield from grouped(file.name, "line", records(file.name, content))
        else:
            yield from tables.parquet(file.name, file.path or content)


def _lines(file: File, content: BufferedReader) -> Iterator[Lines]:
    """Ends of lines and their numbers are found here; what the lines say is read by whoever has the chunk."""
    path = file.path if file.codec is None else None
    about = os.fstat(content.fileno()) if path is not None else None
    start, first = 0, 1
    while part := content.read(SIZE):
        if not part.endswith(b"\n"):
            part += content.readline()
        end = start + len(part)
        if path is not None and about is not None:
            yield Lines(file.name, first, Span(path, start, end, about.st_size, about.st_mtime_ns))
        else:
            yield Lines(file.name, first, part)
        start, first = end, first + part.count(b"\n")
