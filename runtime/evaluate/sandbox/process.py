"""The processes of the sandbox, seen from outside: started, watched, and killed when they are over a limit."""

from __future__ import annotations

import json
import os
import platform
import selectors
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from smolc.runtime.evaluate.sandbox import seccomp
from smolc.runtime.jobs.errors import JobError

if TYPE_CHECKING:
    from smolc.runtime.evaluate.sandbox.run import Limits

Stopped = Literal["time", "much output", "many files", "many threads"]
GUARD = Path(__file__).parent / "inside" / "guard.py"
TICK = 0.05  # seconds between looks at what no limit of the kernel's counts
TAIL = 4096  # bytes of stderr that are kept
SYSTEM = (
    "/lib", "/lib64", "/usr/lib", "/usr/lib64", "/etc/ld.so.cache", "/etc/localtime", "/usr/share/zoneinfo",
    "/dev/null", "/dev/zero", "/dev/random", "/dev/urandom",
)  # fmt: skip


class Guarded:
    """A guard with what it runs. said: on stdout, where it is kept; errors: the end of stderr. code: as Popen's, once it
    has ended; 0 where `end` had to kill it."""

    def __init__(
        self,
        settings: dict[str, Any],
        folder: str,
        resources: dict[str, tuple[int, int]],
        *,
        stdin: str = "",
        stdout: bool = False,
        given: tuple[int, ...] = (),
    ) -> None:
        """folder: its own, the only one that it may write. given: file descriptors it gets. Raises JobError."""
        whole = {
            **settings,
            "parent": os.getpid(),
            "limits": resources,
            "read": readable(),
            "write": [folder, "/dev/null"],
            "filter": seccomp.program(platform.machine()).hex(),
        }
        self.folder = folder
        self.said, self.errors, self.report = bytearray(), bytearray(), bytearray()
        self.counted = 0
        self.code: int | None = None
        self.killed = False
        told, telling = os.pipe()
        try:
            with _file(json.dumps(whole)) as settings_file, _file(stdin) as input_file:
                at = settings_file.fileno()
                self.process = subprocess.Popen(
                    [
                        os.path.realpath(sys.executable),
                        "-s",
                        "-S",
                        "-B",
                        "-X",
                        "utf8",
                        GUARD,
                        str(at),
                        str(telling),
                    ],
                    stdin=input_file,
                    stdout=subprocess.PIPE if stdout else subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    cwd=folder,
                    env=_environment(),
                    pass_fds=(at, telling, *given),
                    start_new_session=True,
                )
        except OSError as error:
            os.close(told)
            raise JobError(f"the sandbox cannot be started: {error.strerror}") from error
        finally:
            os.close(telling)
        self.pidfd = os.pidfd_open(self.process.pid)
        self.pipes = {told: self.report}
        self._told = told
        for pipe, buffer in ((self.process.stdout, self.said), (self.process.stderr, self.errors)):
            if pipe is not None:
                self.pipes[pipe.fileno()] = buffer
        for number in self.pipes:
            os.set_blocking(number, False)

    def __enter__(self) -> Guarded:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
        os.close(self.pidfd)
        os.close(self._told)
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe is not None:
                pipe.close()

    def end(self) -> None:
        """Kill it if it runs, and read what it has said. It has no children: they are denied to it."""
        if self.code is None:
            self.killed = self.process.poll() is None
        self.process.kill()
        self.process.wait()
        for number in list(self.pipes):
            while self.read(number):
                pass
        if self.code is None:
            self.code = 0 if self.killed else self.process.returncode

    def read(self, number: int) -> bool:
        """Whether there may be more to read."""
        try:
            data = os.read(number, 65536)
        except BlockingIOError:
            return False
        if not data:
            del self.pipes[number]
            return False
        buffer = self.pipes[number]
        buffer += data
        self.counted += len(data)
        if buffer is self.errors:
            del buffer[:-TAIL]
        return True

    def over(self, limits: Limits) -> Stopped | None:
        if self.counted > limits.output:
            return "much output"
        with os.scandir(self.folder) as entries:
            if sum(1 for _ in entries) > limits.files:
                return "many files"
        return "many threads" if _threads(self.process.pid) > limits.threads else None

    def ready(self) -> bool:
        return self.report.startswith(b"ready\n")

    def verdict(self) -> dict[str, Any] | None:
        """What the process of the tests said in the end."""
        text = bytes(self.report).partition(b"\n")[2]
        return dict(json.loads(text)) if text else None

    def left_alone(self) -> bool:
        """Whether it ended because the program did."""
        verdict = self.verdict()
        return verdict == {"passed": False, "note": None}

    def wait_for_its_end(self) -> None:
        """Of a process whose pipes are closed already, unless it closed them itself."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=5)

    def last_line(self) -> str:
        lines = self.errors.decode(errors="replace").strip().splitlines()
        return lines[-1].strip() if lines else ""

    def ended_by(self, name: str) -> bool:
        return self.code == -int(getattr(signal, name))

    def how(self) -> str:
        assert self.code is not None
        if self.code < 0:
            return f"ended by {signal.Signals(-self.code).name}"
        return f"ended with exit code {self.code}"


def supervise(processes: list[Guarded], last: Guarded, limits: Limits) -> Stopped | None:
    """Read what they say until `last` has ended, or one is over its limits; then end all of them.

    None if nothing was over a limit. Raises JobError if one could not be shut in."""
    stopped: Stopped | None = None
    deadline = time.monotonic() + limits.wall
    with selectors.DefaultSelector() as selector:
        for process in processes:
            selector.register(process.pidfd, selectors.EVENT_READ, process)
            for number in process.pipes:
                selector.register(number, selectors.EVENT_READ, process)
        looked = time.monotonic()
        while stopped is None:
            ready = selector.select(TICK)
            for key, _ in ready:
                process = key.data
                if key.fd == process.pidfd or not (process.read(key.fd) or key.fd in process.pipes):
                    selector.unregister(key.fd)
            if any(key.fd == last.pidfd for key, _ in ready):
                break
            now = time.monotonic()
            if now > deadline:
                stopped = "time"
            elif now - looked > TICK:
                looked = now
                stopped = next((over for p in processes if (over := p.over(limits))), None)
    if stopped is None and last.left_alone():
        for process in processes:
            process.wait_for_its_end()
    for process in processes:
        process.end()
    for process in processes:
        if not process.ready() and (stopped or not process.killed):
            why = process.report.decode(errors="replace") or process.last_line() or process.how()
            raise JobError(
                f"a program cannot be shut in here: {why}",
                help="run it again: answers are kept, and the machine may have been too busy",
            )
    return stopped


def readable() -> list[str]:
    """What the interpreter reads: its standard library, and the system's libraries."""
    paths = sysconfig.get_paths()
    base = os.path.realpath(sys.base_prefix)
    own = (paths["stdlib"], paths["platstdlib"], f"{base}/lib")
    return [*(os.path.realpath(path) for path in own), *SYSTEM]


def _environment() -> dict[str, str]:
    """A fixed order of sets; and where the interpreter's own libraries are, if that has to be said."""
    libraries = os.environ.get("LD_LIBRARY_PATH")
    return {"PYTHONHASHSEED": "0", **({"LD_LIBRARY_PATH": libraries} if libraries else {})}


def _file(text: str) -> Any:
    """Without a name, so that nothing is left of it."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 (the caller closes it)
    file.write(text.encode(errors="surrogatepass"))
    file.seek(0)
    return file


def _threads(pid: int) -> int:
    try:
        return sum(1 for _ in Path(f"/proc/{pid}/task").iterdir())
    except OSError:
        return 0
