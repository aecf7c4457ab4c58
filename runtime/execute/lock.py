"""One executor at a time in a compiled folder.

The lock is the kernel's (`flock`), so a dead process holds none and nothing stale is left to clean up.
Started jobs inherit it: when the executor alone was killed, its jobs still write to `out/`, and a second run
must not start them again."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from pathlib import Path
from types import TracebackType
from typing import Any

from smolc.runtime.report.outputs import read_object


class Busy(Exception):
    """Somebody else runs this folder; the message is for the user."""


class Lock:
    """Held from `with` to its end. `descriptor` is to be passed on to started jobs."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "out" / ".lock"
        self.descriptor = -1

    def __enter__(self) -> Lock:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self.descriptor)
            raise Busy(_who(read_object(self.path))) from None
        except OSError:
            pass  # a file system without locks: running unguarded is better than not at all
        self.note([])
        return self

    def note(self, groups: list[int]) -> None:
        """Record who holds the lock, and the process groups of the running jobs, for whoever finds it
        held."""
        said = {"pid": os.getpid(), "host": socket.gethostname(), "since": int(time.time()), "groups": groups}
        os.ftruncate(self.descriptor, 0)
        os.pwrite(self.descriptor, json.dumps(said).encode(), 0)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.ftruncate(self.descriptor, 0)
        os.close(self.descriptor)


def _who(said: dict[str, Any]) -> str:
    pid, host, groups = said.get("pid"), said.get("host"), said.get("groups")
    if not isinstance(pid, int):
        return "another smolc run is at work in this folder"
    if host == socket.gethostname() and not _lives(pid) and isinstance(groups, list) and groups:
        stop = " ".join(f"-{g}" for g in groups if isinstance(g, int))
        help = f"wait for them, or stop them: kill -- {stop}"
        return f"a smolc run was killed here, and jobs of it still run\nhelp: {help}"
    return f"another smolc run is at work in this folder (process {pid} on {host})"


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
