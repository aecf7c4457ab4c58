"""One started job: its process group, its log, how far it is."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from smolc.runtime.jobs.files import write_atomically
from smolc.runtime.jobs.manifest import Entry
from smolc.runtime.report.outputs import number, read_object


@dataclass(frozen=True)
class Progress:
    """How far a job says it is. left: seconds, as far as the pace so far tells."""

    done: float
    total: float
    unit: str
    note: str
    left: float | None


class Running:
    """A job that was started. The log is `out/<id>/log.txt`."""

    def __init__(self, folder: Path, entry: Entry, environment: dict[str, str], slot: int, lock: int) -> None:
        self.entry = entry
        self.slot = slot
        self.start = time.monotonic()
        self._out = folder / "out" / entry.id
        self._out.mkdir(parents=True, exist_ok=True)
        # What an earlier try left would be taken for this one's.
        for name in ("done.json", "failed.json", "progress.jsonl"):
            (self._out / name).unlink(missing_ok=True)
        self._first: tuple[str, float, float] | None = None
        with (self._out / "log.txt").open("wb") as log:
            self._process = subprocess.Popen(
                ["bash", f"jobs/{entry.id}/launch.sh"],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=(lock,),
            )

    @property
    def group(self) -> int:
        return self._process.pid

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.start

    def exit_code(self) -> int | None:
        """None while it runs. What the launch script left behind in its group is ended with it."""
        code = self._process.poll()
        if code is not None:
            self.signal(signal.SIGTERM)
        return code

    def finished(self) -> bool:
        """Whether it wrote `done.json`, which was removed when it started. This and not the exit code says that a
        job is done: a collective library may still abort at interpreter exit, after all is written. Its hash says of what:
        the job's file may have been edited since this run began."""
        return isinstance(read_object(self._out / "done.json").get("hash"), str)

    def record_failure(self, code: int) -> None:
        """Leave a note for the report."""
        text = json.dumps({"exit_code": code, "hash": self.entry.hash, "seconds": round(self.seconds, 3)})
        write_atomically(self._out / "failed.json", text + "\n")

    def signal(self, which: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.group, which)

    def group_lives(self) -> bool:
        self._process.poll()
        try:
            os.killpg(self.group, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True

    def progress(self) -> Progress | None:
        """The last whole line of `progress.jsonl`, or None as long as there is none."""
        try:
            with (self._out / "progress.jsonl").open("rb") as file:
                file.seek(0, os.SEEK_END)
                file.seek(max(0, file.tell() - 8192))
                lines = file.read().split(b"\n")[:-1]
            said = json.loads(lines[-1].decode("utf-8", errors="replace")) if lines else None
        except (OSError, ValueError, RecursionError):
            return None
        if not isinstance(said, dict):
            return None
        done, total, unit = number(said.get("done")), number(said.get("total")), str(said.get("unit", ""))
        if done is None or total is None or total <= 0:
            return None
        return Progress(done, total, unit, str(said.get("note", "")), self._left(done, total, unit))

    def _left(self, done: float, total: float, unit: str) -> float | None:
        now = time.monotonic()
        # Loading comes before the first step: the pace is counted from the first sign of progress in this
        # unit.
        if self._first is None or self._first[0] != unit or done < self._first[1]:
            self._first = (unit, done, now)
        _, from_done, from_time = self._first
        if done <= from_done:
            return None
        return (total - done) * (now - from_time) / (done - from_done)
