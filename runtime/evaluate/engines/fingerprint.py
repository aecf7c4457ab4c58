"""What weights a model has, in one string."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from smolc.runtime.jobs.context import ModelAt
from smolc.runtime.jobs.done import sha256_of

PARTS = ("*.safetensors", "*.json", "*.py", "*.bin")
NOT_WEIGHTS = ("tokenizer", "special_tokens", "vocab", "merges", "chat_template", "trainer_state")
"""Beginnings of the names of files that an answer's tokens do not depend on, given the tokens of the prompt."""


def fingerprint(at: ModelAt, model: Any, folder: Path) -> str:
    """`sha256:...` of the weights, configuration and adapter of a local folder, `hub:<id>@<commit>` of a published
    model; with the precision that it runs in.

    model: as loaded. folder: where hashes are remembered, by name, size and time of change of the file.
    """
    precision = str(model.dtype).removeprefix("torch.")
    path = Path(at.source)
    if not path.is_dir():
        commit = getattr(model.config, "_commit_hash", None) or at.revision or "main"
        return f"hub:{at.source}@{commit} {precision}"
    return f"sha256:{folder_sha256(path, folder)} {precision}"


def folder_sha256(path: Path, folder: Path) -> str:
    """Of the names and contents of all files of a model's folder that its output depends on."""
    remembered = _Remembered(folder / "weights.jsonl")
    files = sorted({file for pattern in PARTS for file in path.glob(pattern) if file.is_file()})
    whole = hashlib.sha256()
    for file in files:
        if not file.name.startswith(NOT_WEIGHTS):
            whole.update(f"{file.name} {remembered.sha256(file)}\n".encode())
    return whole.hexdigest()


class _Remembered:
    """Hashes by file: weights of 10 GB take a minute to read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.known: dict[str, str] = {}
        try:
            lines = path.read_bytes().splitlines()
        except FileNotFoundError:
            return
        for line in lines:
            try:
                found = json.loads(line)
                self.known[str(found["file"])] = str(found["sha256"])
            except (ValueError, KeyError, TypeError):
                continue

    def sha256(self, file: Path) -> str:
        about = file.stat()
        name = f"{file.resolve()} {about.st_size} {about.st_mtime_ns}"
        if name not in self.known:
            self.known[name] = sha256_of(file)
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # A line of its own even if the one before was cut off.
            with self.path.open("a", encoding="utf-8") as lines:
                lines.write("\n" + json.dumps({"file": name, "sha256": self.known[name]}) + "\n")
        return self.known[name]
