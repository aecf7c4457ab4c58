"""Whether a checkpoint is whole: `complete`, written last, lists its files with their sizes and, of small ones, hashes.

Large files are not hashed when they are written, which would hold training up. Before they are used they are looked
through as far as their format allows: PyTorch's are zip archives with a CRC-32 of each part, safetensors have a header
that says how long everything is.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from pathlib import Path
from typing import Any

from smolc.runtime.jobs.done import sha256_of
from smolc.runtime.jobs.files import write_atomically

COMPLETE = "complete"

SMALL = 64 << 20
"""Bytes up to which a file is hashed when a checkpoint is written: a fraction of a second."""

NEEDED = ("trainer_state.json", "rng_state")
"""What a checkpoint of any run has: transformers goes on without them, on another curve."""


class DamagedError(Exception):
    """What is wrong with a checkpoint: which file, and how."""


def seal(checkpoint: Path) -> None:
    """Write `complete`. For the main process, when all have written their files."""
    files: dict[str, dict[str, Any]] = {}
    for path in sorted(checkpoint.rglob("*")):
        if path.is_file() and path.name != COMPLETE:
            size = path.stat().st_size
            said: dict[str, Any] = {"bytes": size}
            if size <= SMALL:
                said["sha256"] = sha256_of(path)
            files[path.relative_to(checkpoint).as_posix()] = said
    write_atomically(checkpoint / COMPLETE, json.dumps({"files": files}, indent=1) + "\n")


def check(checkpoint: Path) -> None:
    """Raises DamagedError for the first file that is not what was written."""
    try:
        files = json.loads((checkpoint / COMPLETE).read_text(encoding="utf-8"))["files"]
        listed = {str(name): (int(said["bytes"]), said.get("sha256")) for name, said in files.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise DamagedError(f"{COMPLETE} cannot be read") from None
    for needed in NEEDED:
        if not any(name.startswith(needed) for name in listed):
            raise DamagedError(f"{needed} is missing")
    for name, (size, sha256) in listed.items():
        path = checkpoint / name
        try:
            _check_file(path, name, size, sha256)
        except OSError as error:
            raise DamagedError(f"{name}: {error.strerror or error}") from None


def _check_file(path: Path, name: str, size: int, sha256: str | None) -> None:
    if not path.is_file():
        raise DamagedError(f"{name} is missing")
    there = path.stat().st_size
    if there != size:
        raise DamagedError(f"{name} has {there} bytes instead of {size}")
    if sha256 is not None:
        if sha256_of(path) != sha256:
            raise DamagedError(f"{name} is not what was written (its SHA-256 differs)")
    elif _is_torchs(path):
        try:
            with zipfile.ZipFile(path) as archive:
                bad = archive.testzip()
        except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError):
            bad = "its list of parts"
        if bad is not None:
            raise DamagedError(f"{name} is not what was written (the checksum of {bad} differs)")
    elif path.suffix == ".safetensors":
        _check_safetensors(path, name)


def _is_torchs(path: Path) -> bool:
    return path.suffix in (".pt", ".pth", ".bin")


def _check_safetensors(path: Path, name: str) -> None:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt"):
            pass
    except SafetensorError as error:
        raise DamagedError(f"{name} cannot be read: {error}") from None
