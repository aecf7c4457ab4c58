"""Compressed files, unpacked while they are read."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import closing
from typing import Any

from smolc.runtime.jobs.errors import JobError

PIECE = 1 << 16


def unpacked(name: str, opened: Callable[[], io.BufferedReader], codec: str) -> io.BufferedReader:
    """What is in a file. codec: gzip or zstd. Reading raises JobError where the file is cut short or damaged; it says
    how many lines come before that."""
    return io.BufferedReader(_Archive(name, opened, codec), PIECE)


class _Archive(io.RawIOBase):
    def __init__(self, name: str, opened: Callable[[], io.BufferedReader], codec: str) -> None:
        self._name, self._opened, self._codec = name, opened, codec
        self._done = 0
        self._stream = _stream(opened, codec)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            piece: bytes = self._stream.read(min(len(buffer), PIECE))
        except OSError as error:
            lines = self._lines()
            raise JobError(
                f"{self._name}: the archive is cut short or damaged ({str(error).splitlines()[0]}); "
                f"{lines} line{'' if lines == 1 else 's'} could be read",
                help="get the file again",
            ) from error
        buffer[: len(piece)] = piece
        self._done += len(piece)
        return len(piece)

    def _lines(self) -> int:
        """The failing piece is lost whole, so it is read again, byte by byte."""
        lines = 0
        with closing(_stream(self._opened, self._codec)) as stream:
            try:
                while self._done > 0:
                    piece = stream.read(min(self._done, PIECE))
                    lines += piece.count(b"\n")
                    self._done -= len(piece)
                while byte := stream.read(1):
                    lines += byte == b"\n"
            except OSError:
                pass
        return lines

    def close(self) -> None:
        if not self.closed:
            self._stream.close()
        super().close()


def _stream(opened: Callable[[], io.BufferedReader], codec: str) -> Any:
    # Arrow knows both kinds and says when the end is missing, which zstandard's reader does not.
    import pyarrow

    return pyarrow.CompressedInputStream(pyarrow.PythonFile(opened(), "r"), codec)
