"""Answers that were generated before, kept under `out/.answers/` for all evaluate jobs of a folder."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import zlib
from collections.abc import Sequence
from pathlib import Path

from smolc.runtime.evaluate.engines.base import Sampling, Wanted

FOLDER = ".answers"


class AnswerCache:
    """Answers of one model, in `<start of its fingerprint>.jsonl`: a line each, only ever added to.

    A line is `{"key", "ids", "crc"}`. One that is damaged, or was being written when its process was killed, is no
    answer. Processes that write at the same time take turns by a lock on the file.
    """

    def __init__(self, folder: Path, fingerprint: str, engine: str) -> None:
        """folder: `out/.answers`. fingerprint: of weights and precision. engine: its name, since another rounds
        differently."""
        folder.mkdir(parents=True, exist_ok=True)
        self.about = f"{fingerprint} {engine}"
        self.path = folder / f"{hashlib.sha256(fingerprint.encode()).hexdigest()[:16]}.jsonl"
        self.known = _read(self.path)

    def key(self, wanted: Wanted, sampling: Sampling) -> str:
        """Of all that an answer depends on; greedy ones do not depend on the seed."""
        drawn = [sampling.temperature, sampling.top_p, wanted.seed] if sampling.temperature else None
        ends = sorted(sampling.end_ids)
        said = json.dumps([self.about, wanted.ids, wanted.room, sorted(wanted.stops), ends, drawn])
        return hashlib.sha256(said.encode()).hexdigest()

    def add(self, answers: Sequence[tuple[str, list[int]]]) -> None:
        """Keep (key, ids) of answers; a kill in the middle loses these at most. A full disk loses them, too."""
        lines = [_line(key, ids) for key, ids in answers]
        self.known.update(answers)
        try:
            with self.path.open("ab") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                if not _ends_whole(self.path):
                    lines.insert(0, "\n")
                file.write("".join(lines).encode())
        except OSError as error:
            print(f"{self.path}: answers cannot be kept: {error.strerror}")


def _line(key: str, ids: list[int]) -> str:
    return json.dumps({"key": key, "ids": ids, "crc": _crc(key, ids)}, separators=(",", ":")) + "\n"


def _crc(key: str, ids: list[int]) -> int:
    return zlib.crc32(f"{key}{ids}".encode())


def _ends_whole(path: Path) -> bool:
    """Whether the last line of a file has its end."""
    with path.open("rb") as file:
        if file.seek(0, os.SEEK_END) == 0:
            return True
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _read(path: Path) -> dict[str, list[int]]:
    known: dict[str, list[int]] = {}
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return known
    for line in lines:
        try:
            found = json.loads(line)
            if found["crc"] == _crc(found["key"], found["ids"]):
                known[found["key"]] = found["ids"]
        except (ValueError, KeyError, TypeError):
            continue
    return known
