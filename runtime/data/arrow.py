"""Arrow files, from NumPy arrays and without importing datasets (1.4 s) or pandas (0.8 s, as pa.array() does)."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa

from smolc.runtime.jobs.done import sha256_of
from smolc.runtime.jobs.files import replace_folder

Array = np.ndarray[Any, Any]

_FEATURES = {
    "ids": {"feature": {"dtype": "int32", "_type": "Value"}, "_type": "List"},
    "text": {"dtype": "string", "_type": "Value"},
    "label": {"dtype": "bool", "_type": "Value"},
}
_TYPES = {"ids": pa.list_(pa.int32()), "text": pa.string(), "label": pa.bool_()}


def flat(values: Array) -> pa.Array:
    """Numbers."""
    values = np.ascontiguousarray(values)
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), [None, pa.py_buffer(values)])


def ragged(values: Array, bounds: Array) -> pa.Array:
    """Lists of numbers; list n is values[bounds[n] : bounds[n + 1]]."""
    child = flat(values)
    offsets = pa.py_buffer(np.ascontiguousarray(bounds, dtype=np.int32))
    return pa.Array.from_buffers(pa.list_(child.type), len(bounds) - 1, [None, offsets], children=[child])


def texts(values: list[str]) -> pa.Array:
    parts = [value.encode() for value in values]
    bounds = np.cumsum([0, *map(len, parts)], dtype=np.int64).astype(np.int32)
    data = [None, pa.py_buffer(bounds), pa.py_buffer(b"".join(parts))]
    return pa.Array.from_buffers(pa.string(), len(parts), data)


def labels(values: list[bool]) -> pa.Array:
    bits = np.packbits(np.asarray(values, dtype=bool), bitorder="little")
    return pa.Array.from_buffers(pa.bool_(), len(values), [None, pa.py_buffer(bits)])


class DatasetWriter:
    """The folder that `datasets.load_from_disk` reads, batch by batch. Nothing is seen at `folder` until it is whole.

    kinds: of each column: `ids` (lists of int32), `text` or `label`.
    """

    def __init__(self, folder: Path, kinds: dict[str, str]) -> None:
        self.folder = folder
        self.rows = 0
        self._kinds = kinds
        features = {name: _FEATURES[kind] for name, kind in kinds.items()}
        metadata = {"huggingface": json.dumps({"info": {"features": features}})}
        self._schema = pa.schema([(name, _TYPES[kind]) for name, kind in kinds.items()], metadata=metadata)
        self._temporary = folder.with_name(f".{folder.name}.partial")
        self._features = features

    def __enter__(self) -> DatasetWriter:
        shutil.rmtree(self._temporary, ignore_errors=True)
        self._temporary.mkdir(parents=True)
        self._data = self._temporary / "data-00000-of-00001.arrow"
        self._sink = pa.OSFile(str(self._data), "wb")
        self._writer = pa.ipc.new_stream(self._sink, self._schema)
        return self

    def write(self, columns: dict[str, pa.Array]) -> None:
        """Columns in the order of `kinds`."""
        self._writer.write_batch(
            pa.record_batch([columns[name] for name in self._kinds], schema=self._schema)
        )
        self.rows += len(next(iter(columns.values())))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            self._sink.close()
            shutil.rmtree(self._temporary, ignore_errors=True)
            return
        self._writer.close()
        self._sink.close()
        state: dict[str, Any] = {
            "_data_files": [{"filename": self._data.name}],
            "_fingerprint": sha256_of(self._data)[:16],
            "_format_columns": None,
            "_format_kwargs": {},
            "_format_type": None,
            "_output_all_columns": False,
            "_split": None,
        }
        about = {"citation": "", "description": "", "features": self._features, "homepage": "", "license": ""}
        for name, content in (("state.json", state), ("dataset_info.json", about)):
            (self._temporary / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        replace_folder(self.folder, self._temporary)
