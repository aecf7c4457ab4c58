"""Folders that one process at a time writes to. What an ended process held, however it ended, is free again."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO


class Lock:
    """On a folder, by a file beside it. Alone, or together with others who only read; free when left. On a file system
    without locks it does nothing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder.with_name(f".{folder.name}.lock")
        self._file: IO[str] | None = None

    def alone(self, wait: bool = True) -> bool:
        """Gives up what is held; may wait for others, who may change the folder meanwhile. Returns whether it is held."""
        return self._take(fcntl.LOCK_EX, wait)

    def shared(self) -> None:
        self._take(fcntl.LOCK_SH, wait=True)

    def _take(self, kind: int, wait: bool) -> bool:
        while True:
            if self._file is None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._file = self._path.open("w", encoding="ascii")
            try:
                try:
                    fcntl.flock(self._file, kind | fcntl.LOCK_NB)
                except BlockingIOError:
                    if not wait:
                        return False
                    print(f"waiting for another job that works on {self._folder.name}", flush=True)
                    fcntl.flock(self._file, kind)
            except OSError:
                return True  # no locks here: files are whole or not there, so work is only done twice
            if self._current():
                return True
            self.free()

    def _current(self) -> bool:
        """Whether the file is still there: who removes the folder removes it, too."""
        assert self._file is not None
        try:
            return os.path.samestat(os.fstat(self._file.fileno()), self._path.stat())
        except FileNotFoundError:
            return False

    def free(self) -> None:
        if self._file is not None:
            with suppress(OSError):
                fcntl.flock(
                    self._file, fcntl.LOCK_UN
                )  # closing is not enough: forked processes have the file, too
            self._file.close()
            self._file = None

    def remove(self) -> None:
        """The file itself; only when alone."""
        self._path.unlink(missing_ok=True)

    def __enter__(self) -> Lock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.free()
