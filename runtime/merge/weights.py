"""Weights on disk, a tensor at a time: their names, shapes and dtypes from the headers of safetensors files, and their
content when it is asked for."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from smolc.runtime.jobs.errors import JobError

DTYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
"""As safetensors calls them. What is not here, such as 8-bit floats, is quantised."""

FLOATS = (torch.float64, torch.float32, torch.float16, torch.bfloat16)


@dataclass(frozen=True)
class Header:
    """shape, and dtype as safetensors calls it."""

    shape: tuple[int, ...]
    dtype: str

    @property
    def size(self) -> int:
        return math.prod(self.shape)


class Weights:
    """One model's tensors. Files are opened once and mapped into memory, not read. Raises JobError for what is missing or
    damaged."""

    def __init__(self, name: str, folder: Path, opened: ExitStack) -> None:
        """name: of the model, for messages. opened: closes the files."""
        self.name = name
        self._files: dict[str, Any] = {}
        self.headers: dict[str, Header] = {}
        for path in _files(name, folder):
            with _readable(name, path):
                file = opened.enter_context(safe_open(path, framework="pt"))
                for key in file.keys():  # noqa: SIM118  no dict
                    part = file.get_slice(key)
                    self._files[key] = (file, path)
                    self.headers[key] = Header(tuple(part.get_shape()), part.get_dtype())

    def __getitem__(self, key: str) -> torch.Tensor:
        file, path = self._files[key]
        with _readable(self.name, path):
            tensor: torch.Tensor = file.get_tensor(key)
            return tensor


@contextmanager
def _readable(name: str, path: Path) -> Iterator[None]:
    try:
        yield
    except (SafetensorError, OSError) as error:
        raise JobError(f"{name}: {path.name}: damaged, or not safetensors: {error}") from error


def _files(name: str, folder: Path) -> Iterator[Path]:
    """Those that transformers would load: of the index, or the only one."""
    index = folder / "model.safetensors.index.json"
    if not index.is_file():
        only = folder / "model.safetensors"
        if not only.is_file():
            raise JobError(
                f"{name}: no model.safetensors in {folder}",
                help="other formats of weights may run code when they are read, and are not",
            )
        yield only
        return
    try:
        named = json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()
        parts = sorted({str(part) for part in named})
    except (OSError, ValueError, LookupError, AttributeError, TypeError) as error:
        raise JobError(f"{name}: {index.name} cannot be read: {error}") from error
    for part in parts:
        path = folder / part
        if "/" in part or "\\" in part or not path.is_file():
            raise JobError(f"{name}: {part!r} is named in {index.name}, and there is no such file beside it")
        yield path
