"""Putting the compiled files on disk. What jobs wrote under `out/` is never touched."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from smolc.compiler.plan.outputs import Unreadable, read_bytes

OURS = ("jobs", "templates")
"""Folders that are written whole; what an earlier build left in them goes."""


class FolderRefused(Exception):
    """The folder cannot be written, or is not one of ours. The message is for the user."""


def write(folder: Path, made: dict[str, str]) -> None:
    """Write all files beside the folder first, then move them in; the manifest last. Raises FolderRefused."""
    with _at_rest(folder):
        _write(folder, made)


@contextmanager
def _at_rest(folder: Path) -> Iterator[None]:
    """A run holds `out/.lock`: its jobs must not be replaced under it. None is started meanwhile."""
    lock = folder / "out" / ".lock"
    if not os.path.isfile(lock):  # noqa: PTH113  Path.is_file raises where a name is too long
        yield
        return
    import fcntl

    with lock.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FolderRefused(f"{_who(lock, folder)}, or name another folder with --out") from None
        except OSError:
            pass  # a file system without locks
        yield


def _who(lock: Path, folder: Path) -> str:
    """Who is at work, as the one who holds the lock wrote into it, and how that is stopped."""
    try:
        said = json.loads(lock.read_text(encoding="utf-8"))
        pid, host, groups = int(said["pid"]), str(said["host"]), [int(group) for group in said["groups"]]
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return f"a run is at work in {folder}: wait for it or stop it"
    if host != socket.gethostname():
        return f"a run is at work in {folder} (process {pid} on {host}): wait for it or stop it"
    if not _lives(pid) and groups:
        stop = " ".join(f"-{group}" for group in groups)
        return f"a run was killed in {folder}, and jobs of it still work: wait for them or stop them (kill -- {stop})"
    return f"a run is at work in {folder} (process {pid}): wait for it or stop it (kill {pid})"


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _write(folder: Path, made: dict[str, str]) -> None:
    try:
        if folder.exists() and not folder.is_dir():
            raise FolderRefused(f"{folder} is a file, not a folder")
        if folder.is_dir() and any(folder.iterdir()) and not _ours(folder / "manifest.json"):
            message = f"{folder} holds files that smolc build did not write; name another with --out"
            raise FolderRefused(message)
        folder.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix=".build-", dir=folder))
    except OSError as error:
        raise FolderRefused(f"cannot write {folder}: {error.strerror}") from error
    try:
        for name, text in made.items():
            _one(fresh, name, text)
        for name in OURS:
            if (folder / name).is_symlink():
                raise FolderRefused(f"{folder / name} is a link; a build writes only inside its own folder")
            if (folder / name).exists():
                shutil.rmtree(folder / name)
            if (fresh / name).exists():
                (fresh / name).rename(folder / name)
        for name in made:
            if "/" not in name:
                (fresh / name).replace(folder / name)
    except OSError as error:
        raise FolderRefused(f"cannot write {folder}: {error.strerror}") from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _ours(manifest: Path) -> bool:
    """Other programs have a `manifest.json` too, and `templates/` beside it that must not go."""
    if not manifest.is_file():
        return False
    try:
        content = json.loads(manifest.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        return False
    return isinstance(content, dict) and {"smolc", "hash", "jobs"} <= content.keys()


def edited(folder: Path) -> list[str]:
    """Names of the files of jobs that were edited by hand since they were built, and that a build writes anew."""
    try:
        jobs = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["jobs"]
        built = {name: was for job in jobs for name, was in job.get("files", {}).items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return []
    return [name for name, was in built.items() if _sha256(folder / str(name)) not in (was, None)]


def _sha256(path: Path) -> str | None:
    try:
        data = read_bytes(path)
    except Unreadable:
        return None
    return hashlib.sha256(data).hexdigest() if data is not None else None


def _one(folder: Path, name: str, text: str) -> None:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise FolderRefused(f"refused to write {name}: it leaves the folder")
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text, encoding="utf-8", newline="\n")
    target.chmod(0o755 if name.endswith(".sh") else 0o644)
