"""What the system says while a job writes: a full disk, a folder without rights. All of that is the user's to mend."""

from __future__ import annotations

import errno
import os
import re
import resource
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from smolc.runtime.jobs.errors import JobError

_FULL = (errno.ENOSPC, errno.EDQUOT)
_RUST = re.compile(r"\(os error (\d+)\)$")
_TORCH = re.compile(r"inline_container|PytorchStreamWriter")
_PROBE = 1 << 20


class DiskError(JobError):
    """The system did not let a job write."""


@contextmanager
def told(folder: Path) -> Iterator[None]:
    """Errors of the system as DiskErrors. folder: where is written, said of those that name no file."""
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        raise _said(error.errno, error.filename, folder) from error
    except Exception as error:
        number = _number_of(error, folder)
        if number is None:
            raise
        raise _said(number, None, folder) from error


def _number_of(error: Exception, folder: Path) -> int | None:
    """The system's error number where a library tells it in its own way, or None."""
    if type(error) is Exception or type(error).__name__ == "SafetensorError":
        # Libraries written in Rust: tokenizers and safetensors.
        match = _RUST.search(str(error))
        return int(match[1]) if match else None
    if type(error) is RuntimeError and _TORCH.search(str(error)):
        return _probe(folder)  # torch.save says that it failed, not why
    return None


def _probe(folder: Path) -> int | None:
    """Write a little to see what the system says to it. None if it says nothing."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(_PROBE))
    except OSError as error:
        return error.errno
    return None


def many_files() -> None:
    """As many open files as this process may have: by default it is 1024, which is a gigabyte of data."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _said(number: int, file: object, folder: Path) -> DiskError:
    where = file if isinstance(file, str) else folder
    if number in _FULL:
        return DiskError(
            f"no space is left on the disk of {folder}",
            help="free some, then run again: what is done is kept",
        )
    if number == errno.EFBIG:
        return DiskError(
            f"{where}: larger than a file may be here",
            help="look at `ulimit -f` and at what the file system allows, then run again: what is done is kept",
        )
    return DiskError(
        f"{where}: {os.strerror(number)}", help="run again when that is mended: what is done is kept"
    )
