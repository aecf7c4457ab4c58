"""What a program in the sandbox must not be able to do, tried. The source is run as a program, behind the lines

    FOLDER = ...   a folder that is not its own, with a file `canary` in it
    SECRETS = [..] paths that must not be read
    PARENT = ...   the process that started it
    MEMORY, FILE = ...   bytes; more must not be had

It prints, as JSON, each attempt and whether it succeeded (`true`: the protection does not hold).
"""

# ruff: noqa: PTH101, PTH102, PTH104, PTH108, PTH112, PTH123, PTH208, PTH211

from __future__ import annotations

import ctypes
import fcntl
import json
import mmap
import os
import resource
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    FOLDER, SECRETS, PARENT, MEMORY, FILE = "", [""], 0, 0, 0

LIBC = ctypes.CDLL(None, use_errno=True)
CANARY = f"{FOLDER}/canary"


def called(result: int) -> None:
    if result < 0:
        raise OSError(ctypes.get_errno(), "denied")


def read(path: str) -> None:
    if os.path.isdir(path):
        os.listdir(path)
    else:
        with open(path, "rb") as file:
            file.read(1)


def write(path: str) -> None:
    with open(path, "w") as file:
        file.write("x")


def renamed() -> None:
    os.rename(CANARY, f"{FOLDER}/other")
    os.rename(f"{FOLDER}/other", CANARY)


def fork() -> None:
    if os.fork() == 0:
        os._exit(0)


def large_file() -> None:
    with open("large", "wb") as file:
        file.seek(FILE + 1)
        file.write(b"x")


def unlimited() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def start() -> None:
    os.posix_spawn("/bin/true", ["true"], {})


def variables() -> None:
    if not os.environ.keys() - {"PYTHONHASHSEED", "LD_LIBRARY_PATH", "LC_CTYPE"}:
        raise OSError("none")


ATTEMPTS: dict[str, list[Callable[[], Any]]] = {
    "open a socket": [
        lambda: socket.socket(socket.AF_INET),
        lambda: socket.socket(socket.AF_INET6),
        lambda: socket.socket(socket.AF_UNIX),
        lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0),
    ],
    "read files": [*(lambda path=path: read(path) for path in (CANARY, "/etc/passwd", *SECRETS))],
    "read what other processes have": [
        lambda: os.listdir("/proc"),
        lambda: read(f"/proc/{PARENT}/environ"),
        lambda: read(f"/proc/{PARENT}/cmdline"),
    ],
    "read the environment": [variables],
    "change files": [
        lambda: os.chmod(CANARY, 0o777),
        lambda: os.chown(CANARY, os.getuid(), os.getgid()),
        lambda: os.utime(CANARY, (0, 0)),
        lambda: os.setxattr(CANARY, "user.x", b"x"),
    ],
    "write files": [
        lambda: write(f"{FOLDER}/new"),
        lambda: write(CANARY),
        lambda: os.close(os.open(CANARY, os.O_RDONLY | os.O_TRUNC)),
        lambda: os.truncate(CANARY, 0),
        lambda: os.mkdir(f"{FOLDER}/new"),
        lambda: os.symlink("/", f"{FOLDER}/new"),
        lambda: os.link(CANARY, "linked"),
        renamed,
        lambda: os.mkdir("folder"),
        lambda: os.symlink("/", "link"),
    ],
    "start processes": [fork, start],
    "reach other processes": [
        lambda: os.kill(PARENT, 0),
        lambda: os.pidfd_open(PARENT),
        lambda: resource.prlimit(PARENT, resource.RLIMIT_CORE),
        lambda: fcntl.fcntl(os.pipe()[0], fcntl.F_SETOWN, PARENT),  # signals when there is something to read
        lambda: called(LIBC.ptrace(0x4206, ctypes.c_long(PARENT), None, None)),  # PTRACE_SEIZE: stops nobody
    ],
    "take more than its limits": [
        lambda: mmap.mmap(-1, MEMORY + 1),
        large_file,
        unlimited,
        lambda: os.memfd_create("memory"),
        lambda: called(LIBC.shmget(0, 4096, 0o1600)),
    ],
    "enter namespaces": [lambda: called(LIBC.unshare(0x10000000))],
    "remove files": [lambda: os.unlink(CANARY)],
}


def possible(attempt: Callable[[], Any]) -> bool:
    try:
        attempt()
    except (OSError, ValueError, MemoryError):
        return False
    return True


print(json.dumps({name: max(map(possible, those)) for name, those in ATTEMPTS.items()}))
