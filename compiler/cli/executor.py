"""A command of the runtime as a process of ours: a signal that asks us to stop asks it, too."""

from __future__ import annotations

import signal
import subprocess
from types import FrameType

STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PASSED_ON = signal.SIGUSR1
"""What it is sent for any of them. Ctrl-C reaches it by itself, too, and the same signal a second time would tell the
runtime's executor to hurry."""


class Executor:
    """Runs a command to its end, whatever signals come meanwhile. stops: those that are passed on, as what. stopped: by
    which, or None."""

    def __init__(self, stops: tuple[int, ...] = STOPS, passed_on: int = PASSED_ON) -> None:
        self.stopped: int | None = None
        self._stops, self._passed_on = stops, passed_on
        self._process: subprocess.Popen[bytes] | None = None
        self._early = False

    def run(self, arguments: list[str]) -> int:
        """Its exit code, as a shell says it."""
        before = {
            which: signal.signal(which, self._pass_on) for which in self._stops if not _under_nohup(which)
        }
        try:
            self._process = subprocess.Popen(arguments)
            if self._early:
                self._process.send_signal(self._passed_on)
            code = self._process.wait()
        except KeyboardInterrupt:
            if self._process is not None:
                self._process.kill()
            raise
        finally:
            for which, handler in before.items():
                signal.signal(which, handler)
        if code < 0:
            return 128 + (self.stopped if code == -self._passed_on and self.stopped is not None else -code)
        return code

    def _pass_on(self, number: int, _frame: FrameType | None) -> None:
        self.stopped = number
        if self._process is None:
            self._early = True
        else:
            self._process.send_signal(self._passed_on)


def look(arguments: list[str]) -> int:
    """Runs a command that only shows something: Ctrl-C reaches it by itself, and what else asks us to stop ends it."""
    executor = Executor((signal.SIGTERM, signal.SIGHUP), signal.SIGTERM)
    try:
        return executor.run(arguments)
    except KeyboardInterrupt:
        return 130


def _under_nohup(which: int) -> bool:
    return which == signal.SIGHUP and signal.getsignal(which) is signal.SIG_IGN
