"""Tokenised rows of a source on disk: for each chunk a file, memory-mapped.

A file is an Arrow IPC stream of one batch, and after it the CRC-32 of all before (4 bytes, little endian); it is whole or
not there. Columns: `ids` (of pairs: prompt, chosen and rejected after one another), `spans` (first
token and the one after the last of what is trained, in turns), `ends` (where turns are over), `key` (equal for equal
conversations, of pairs for equal prompts) and of pairs `row_key` (equal for equal rows), `judged_key` and `judged` (which
answers, and which way they are judged), `file` and `number` (where the
row stands), `turns`, `longest` (tokens of its longest sequence), `read` (tokens that the model reads), `trained`,
`signature` (MinHash, where it is asked for); of pairs and judged answers `prompt` and `first` (tokens of the prompt and
the first answer), `label`, and the texts. The schema's metadata tells how many rows were read and left out, and why.
"""

from __future__ import annotations

import json
import mmap
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from smolc.runtime.data import arrow
from smolc.runtime.data.encode import Answered, Encoded
from smolc.runtime.data.rows import Row, place
from smolc.runtime.data.tokens import Array, joined

KEY = 16  # bytes
CRC = 4  # bytes
PARTIAL = ".partial"
"""How the name of a file ends that is not whole yet."""


@dataclass
class Builder:
    """Rows of one chunk, until they are written. small: ids fit into 16 bits."""

    small: bool
    rows: list[Encoded | Answered] = field(default_factory=list)
    places: list[Row] = field(default_factory=list)
    keys: list[bytes] = field(default_factory=list)
    row_keys: list[bytes] = field(default_factory=list)
    judged_keys: list[bytes] = field(default_factory=list)
    judged: list[int] = field(default_factory=list)
    turns: list[int] = field(default_factory=list)
    signatures: list[Array] = field(default_factory=list)

    def write(self, path: Path, about: dict[str, Any]) -> None:
        """about: goes into the metadata as JSON."""
        files: dict[tuple[str, str], int] = {}
        numbers = {
            "file": [files.setdefault((row.file, row.unit), len(files)) for row in self.places],
            "number": [row.number for row in self.places],
            "turns": self.turns,
            "longest": [longest_of(item) for item in self.rows],
            "read": [read_of(item) for item in self.rows],
            "trained": [item.trained for item in self.rows],
        }
        lists: dict[str, list[Any]] = {"key": _bytes(self.keys)}
        if self.signatures:
            lists["signature"] = self.signatures
        words: dict[str, list[str]] = {}
        encoded = [item for item in self.rows if isinstance(item, Encoded)]
        answered = [item for item in self.rows if isinstance(item, Answered)]
        if encoded:
            lists["ids"] = [item.ids for item in encoded]
            lists["spans"] = [np.asarray(item.spans, dtype=np.int32) for item in encoded]
            lists["ends"] = [np.asarray(item.ends, dtype=np.int32) for item in encoded]
        elif answered:
            lists["row_key"] = _bytes(self.row_keys)
            lists["judged_key"] = _bytes(self.judged_keys)
            numbers["judged"] = self.judged
            lists["ids"] = [np.concatenate([item.prompt, *item.answers]) for item in answered]
            numbers["prompt"] = [len(item.prompt) for item in answered]
            numbers["first"] = [len(item.answers[0]) for item in answered]
            numbers["label"] = [-1 if item.label is None else int(item.label) for item in answered]
            words["prompt_text"] = [item.prompt_text for item in answered]
            words["answer_text"] = [item.answer_texts[0] for item in answered]
            words["other_text"] = [
                item.answer_texts[1] if len(item.answers) == 2 else "" for item in answered
            ]
        columns: dict[str, pa.Array] = {}
        for name, values in lists.items():
            data, bounds = joined(values)
            if name == "ids":
                data = data.astype(np.uint16 if self.small else np.int32)
            columns[name] = arrow.ragged(data, bounds)
        for name, column in numbers.items():
            columns[name] = arrow.flat(np.asarray(column, dtype=np.int64 if name == "number" else np.int32))
        columns |= {name: arrow.texts(values) for name, values in words.items()}
        said = {**about, "rows": len(self.rows), "files": list(files)}
        schema = pa.schema(
            [(name, column.type) for name, column in columns.items()], metadata={"smolc": json.dumps(said)}
        )
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, schema) as writer:
            writer.write_batch(pa.record_batch(list(columns.values()), schema=schema))
        content = sink.getvalue()
        temporary = path.with_name(f".{path.name}.{os.getpid()}{PARTIAL}")
        try:
            # Not forced to the disk, which workers would wait for: what a power cut leaves of it has another checksum.
            with temporary.open("wb") as file:
                file.write(content)
                file.write(_crc(content))
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def _crc(content: Any) -> bytes:
    return zlib.crc32(content).to_bytes(CRC, "little")


def _bytes(keys: list[bytes]) -> list[Array]:
    return [np.frombuffer(key, dtype=np.uint8) for key in keys]


def longest_of(item: Encoded | Answered) -> int:
    """Length of the row's longest sequence."""
    if isinstance(item, Encoded):
        return len(item.ids)
    return len(item.prompt) + max(len(answer) for answer in item.answers)


def read_of(item: Encoded | Answered) -> int:
    """Tokens that the model reads for a row; a prompt counts once for each of its answers."""
    if isinstance(item, Encoded):
        return len(item.ids)
    return sum(len(item.prompt) + len(answer) for answer in item.answers)


class Part:
    """One chunk's file, mapped. about: what was said when it was written. Raises ValueError if it is not what
    was written, and OSError."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        size = len(self._map) - CRC
        content = memoryview(self._map)[: max(size, 0)]
        if self._map[max(size, 0) :] != _crc(content):
            raise ValueError(f"{path.name}: its content is not what was written")
        self.release()
        reader = pa.ipc.open_stream(pa.py_buffer(content))
        self.about: dict[str, Any] = json.loads(reader.schema.metadata[b"smolc"])
        self._batch = reader.read_next_batch()
        self.rows = self._batch.num_rows
        self.size = len(self._map)
        self._names = set(self._batch.schema.names)

    def numbers(self, name: str) -> Array:
        if name not in self._names or not self.rows:
            return np.zeros(self.rows, dtype=np.int32)
        column = self._batch.column(name)
        kind = np.int64 if column.type == pa.int64() else np.int32
        return np.frombuffer(column.buffers()[1], dtype=kind, count=self.rows)

    def lists(self, name: str) -> tuple[Array, Array]:
        """Values and bounds; nothing where there is no such column."""
        none = np.zeros(0, dtype=np.int32)
        if name not in self._names or not self.rows:
            return none, np.zeros(self.rows + 1, dtype=np.int32)
        column = self._batch.column(name)
        bounds = np.frombuffer(column.buffers()[1], dtype=np.int32, count=self.rows + 1)
        if not bounds[-1]:
            return none, bounds
        kind = column.type.value_type.to_pandas_dtype()
        return np.frombuffer(column.buffers()[3], dtype=kind, count=int(bounds[-1])), bounds

    def text(self, name: str, row: int) -> str:
        return str(self._batch.column(name)[row].as_py())

    def release(self) -> None:
        """Pages that were read may go; they come back from the file."""
        if hasattr(self._map, "madvise"):
            self._map.madvise(mmap.MADV_DONTNEED)


class Tokens:
    """All rows of a source. Arrays have one entry for each row, in the order in which rows were read."""

    def __init__(self, name: str, parts: list[Part]) -> None:
        self.name = name
        self.parts = parts
        sizes = [part.rows for part in parts]
        first = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        self._rows = int(first[-1])
        self._part = np.repeat(np.arange(len(parts), dtype=np.int32), sizes)
        self._row = (np.arange(self._rows) - first[self._part]).astype(np.int32)
        self._lists: dict[str, list[tuple[Array, Array]]] = {}

    def __len__(self) -> int:
        return self._rows

    def _all(self, name: str) -> Array:
        return np.concatenate([part.numbers(name) for part in self.parts] or [np.zeros(0, dtype=np.int32)])

    @cached_property
    def read(self) -> Array:
        return self._all("read")

    @cached_property
    def longest(self) -> Array:
        return self._all("longest")

    @cached_property
    def trained(self) -> Array:
        return self._all("trained")

    @cached_property
    def keys(self) -> Array:
        """(rows, 16) of uint8."""
        return self._keys("key")

    @property
    def row_keys(self) -> Array:
        """As `keys`; of pairs and judged answers not the prompt's, but the whole row's."""
        return self._keys("row_key" if self.answered else "key")

    @property
    def judged_keys(self) -> Array:
        return self._keys("judged_key")

    @property
    def judged(self) -> Array:
        return self._all("judged")

    @property
    def labels(self) -> Array:
        """1 for good answers, 0 for bad ones."""
        return self._all("label")

    def _keys(self, name: str) -> Array:
        flat = np.concatenate([part.lists(name)[0] for part in self.parts] or [np.zeros(0, dtype=np.uint8)])
        return flat.astype(np.uint8, copy=False).reshape(-1, KEY)

    @property
    def answered(self) -> bool:
        """Whether rows are prompts with answers, not documents."""
        return any("prompt" in part._names for part in self.parts)

    def _at(self, row: int) -> tuple[int, int]:
        return int(self._part[row]), int(self._row[row])

    def list_of(self, name: str, row: int) -> Array:
        """`ids`, `spans` or `ends` of a row."""
        if name not in self._lists:
            self._lists[name] = [part.lists(name) for part in self.parts]
        part, at = self._at(row)
        values, bounds = self._lists[name][part]
        return values[bounds[at] : bounds[at + 1]]

    def encoded(self, row: int) -> Encoded:
        return Encoded(
            self.list_of("ids", row), self.list_of("spans", row).tolist(), self.list_of("ends", row).tolist()
        )

    def answers(self, row: int) -> Answered:
        part, at = self._at(row)
        held = self.parts[part]
        ids = self.list_of("ids", row)
        prompt, first = int(held.numbers("prompt")[at]), int(held.numbers("first")[at])
        sides = [ids[prompt : prompt + first], ids[prompt + first :]]
        words = [held.text("answer_text", at), held.text("other_text", at)]
        count = 2 if len(sides[1]) else 1
        label = int(held.numbers("label")[at])
        return Answered(
            ids[:prompt],
            sides[:count],
            held.text("prompt_text", at),
            words[:count],
            None if label < 0 else bool(label),
        )

    def item(self, row: int) -> Encoded | Answered:
        return self.answers(row) if self.answered else self.encoded(row)

    @property
    def signatures(self) -> list[Array]:
        """(rows, values of a signature) of each chunk, mapped."""
        return [part.lists("signature")[0].reshape(part.rows, -1) for part in self.parts if part.rows]

    def hits(self) -> Iterator[tuple[int, str, str, str]]:
        """Rows that share words with an eval: row, eval, place in it, the words."""
        first = 0
        for part in self.parts:
            for row, *hit in part.about["hits"]:
                yield first + row, *hit
            first += part.rows

    def place(self, row: int) -> str:
        part, at = self._at(row)
        held = self.parts[part]
        file, unit = held.about["files"][int(held.numbers("file")[at])]
        return place(file, unit, int(held.numbers("number")[at]))

    def release(self) -> None:
        for part in self.parts:
            part.release()

    def total(self, name: str) -> int:
        """Sum of a number that was said of each chunk."""
        return sum(int(part.about[name]) for part in self.parts)
