"""What the system says while a job writes: a full disk, a folder without rights. All of that is the user's to mend."""

from __future__ import annotations

import errno
import os
import re
import resource
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from smolc.runtime.jobs.errors import JobError

_FULL = (errno.ENOSPC, errno.EDQUOT)
_RUST = re.compile(r"\(os error (\d+)\)$")


@contextmanager
def told(folder: Path) -> Iterator[None]:
    """Errors of the system as JobErrors. folder: where is written, said of those that name no file."""
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        raise _said(error.errno, error.filename, folder) from error
    except Exception as error:
        # The library of tokenizers has no kind of error for this.
        match = _RUST.search(str(error)) if type(error) is Exception else None
        if match is None:
            raise
        raise _said(int(match[1]), None, folder) from error


def many_files() -> None:
    """As many open files as this process may have: by default it is 1024, which is a gigabyte of data."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _said(number: int, file: object, folder: Path) -> JobError:
    where = file if isinstance(file, str) else folder
    if number in _FULL:
        return JobError(
            f"no space is left on the disk of {folder}",
            help="free some, then run again: what is done is kept",
        )
    if number == errno.EFBIG:
        return JobError(
            f"{where}: larger than a file may be here",
            help="look at `ulimit -f` and at what the file system allows, then run again: what is done is kept",
        )
    return JobError(
        f"{where}: {os.strerror(number)}", help="run again when that is mended: what is done is kept"
    )
