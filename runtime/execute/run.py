"""Running the jobs of a compiled folder in the order of their needs."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from smolc.runtime.execute import gpus
from smolc.runtime.execute.display import Display
from smolc.runtime.execute.lock import Lock
from smolc.runtime.execute.outcome import in_short
from smolc.runtime.execute.process import Running
from smolc.runtime.execute.states import edited_by_hand, not_held, sure_to_run
from smolc.runtime.jobs.done import done_jobs, read_done
from smolc.runtime.jobs.left import again, made_again, missed
from smolc.runtime.jobs.looks import is_held, looks, times
from smolc.runtime.jobs.manifest import BrokenFolder, Entry, Manifest
from smolc.runtime.report.text import clean

# Seconds between two looks at the running jobs, between two redraws, and to end in peace after SIGTERM.
POLL, REDRAW, GRACE = 0.05, 0.25, 10.0


@dataclass
class Ended:
    """What happened. failed: id -> exit code. blocked: id -> the needs that were not made. held: evals on test data,
    and what needs them. stopped: what ran when the run was interrupted."""

    done: set[str] = field(default_factory=set)
    ran: list[str] = field(default_factory=list)
    failed: dict[str, int] = field(default_factory=dict)
    blocked: dict[str, tuple[str, ...]] = field(default_factory=dict)
    held: list[str] = field(default_factory=list)
    stopped: tuple[str, ...] = ()
    interrupted: bool = False
    seconds: float = 0.0


STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
"""`smolc run` passes the others on as the last, since a terminal's Ctrl-C comes to both."""


class Stop:
    """`asked` by the first signal that stops, `hurry` by one that comes a second time. Under nohup a closed terminal
    stops nothing."""

    def __init__(self) -> None:
        self.asked = False
        self.hurry = False
        self._seen: set[int] = set()

    def __enter__(self) -> Stop:
        nohup = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        heeded = [s for s in STOPS if s != signal.SIGHUP or not nohup]
        self._before = {s: signal.signal(s, self._ask) for s in heeded}
        return self

    def __exit__(self, *_: object) -> None:
        for which, handler in self._before.items():
            signal.signal(which, handler)

    def _ask(self, number: int, _frame: FrameType | None) -> None:
        self.hurry = self.hurry or number in self._seen
        self._seen.add(number)
        self.asked = True


class Executor:
    """`entries`: what to run, in running order and with all their needs. `jobs`: at most so many at once. `final`: whether
    evals on test data are run. `asked`: the jobs that were asked for by name."""

    def __init__(
        self,
        folder: Path,
        manifest: Manifest,
        entries: tuple[Entry, ...],
        jobs: int,
        lock: Lock,
        display: Display,
        final: bool = False,
        asked: frozenset[str] = frozenset(),
    ) -> None:
        self._folder, self._manifest, self._entries = folder, manifest, entries
        self._jobs, self._lock, self._display, self._final = jobs, lock, display, final
        self._asked = asked
        self._again: dict[str, str] = {}
        self._waiting: list[Entry] = []
        self._running: list[Running] = []
        self._ended = Ended()
        self._started = 0

    def run(self) -> Ended:
        """Returns when nothing is left to do or a signal came. Jobs that fail are in the result."""
        ended, start = self._ended, time.monotonic()
        if shutil.which("bash") is None:
            raise BrokenFolder("bash is not installed, and jobs are started by it\nhelp: install bash")
        done = done_jobs(self._folder, self._manifest, frozenset(e.id for e in self._entries))
        runs = sure_to_run(self._folder, self._entries, done, self._final)
        free = not_held(self._entries, done, self._final)
        self._again = made_again(self._folder, self._entries, free, runs, self._asked)
        ended.done = set(done) - self._again.keys()
        for entry in self._entries:
            if entry.id in ended.done:
                self._display.already_done(entry)
            elif entry.id in self._again:
                self._display.say(clean(self._again[entry.id]))
        self._waiting = [e for e in self._entries if e.id not in ended.done]
        drawn = 0.0
        with Stop() as stop:
            while not stop.asked:
                self._collect()
                self._start_ready()
                if not self._running:
                    break
                if time.monotonic() - drawn >= REDRAW:
                    self._display.moving(
                        self._running, len(ended.done) + len(ended.failed), len(self._entries)
                    )
                    drawn = time.monotonic()
                time.sleep(POLL)
            ended.interrupted = stop.asked
            self._end_all(stop)
        ended.seconds = time.monotonic() - start
        return ended

    def _collect(self) -> None:
        """Note what has ended."""
        still = []
        for job in self._running:
            code = job.exit_code()
            if code is None:
                still.append(job)
                continue
            entry = job.entry
            if job.finished():
                self._ended.done.add(entry.id)
                self._display.ended(entry, job.seconds, in_short(self._folder, entry))
                continue
            job.record_failure(code)
            self._ended.failed[entry.id] = code
            self._display.failed(entry, job.seconds, why_failed(code))
        if len(still) < len(self._running):
            self._running = still
            self._lock.note([r.group for r in still])

    def _start_ready(self) -> None:
        """Start what can be, and set aside what cannot be any more."""
        ended, waiting, more = self._ended, [], False
        for entry in self._waiting:
            missing = tuple(n for n in _before(entry) if n in ended.failed or n in ended.blocked)
            if missing:
                ended.blocked[entry.id] = missing
            elif len(self._running) >= self._jobs or not self._ready(entry):
                waiting.append(entry)
            elif self._still_done(entry):
                # What it needs was made again, and is the same as before.
                ended.done.add(entry.id)
                self._display.already_done(entry)
            elif not self._final and is_held(entry, ended.held):
                ended.held.append(entry.id)
                self._display.held_back(entry)
            elif lost := self._lost(entry):
                waiting += [*lost, entry]
                more = True
            else:
                self._start(entry)
        self._waiting = waiting
        if more:
            self._start_ready()

    def _lost(self, entry: Entry) -> list[Entry]:
        """What has to run again before a job that is about to start, and was not known to: it was not sure that this job
        would run, or whose model a pick would come to."""
        done = not_held(self._entries, self._ended.done - set(self._ended.ran), self._final)
        found = {one.job: again(one, entry.id) for one in missed(self._folder, entry) if one.job in done}
        self._again |= found
        self._ended.done -= found.keys()
        for line in found.values():
            self._display.say(clean(line))
        return [e for e in self._entries if e.id in found]

    def _ready(self, entry: Entry) -> bool:
        if any(entry.id in r.entry.needs for r in self._running):
            return False  # what runs again is not taken from under its readers
        return all(n in self._ended.done or n in self._ended.held for n in _before(entry))

    def _still_done(self, entry: Entry) -> bool:
        if entry.id in self._again or read_done(self._folder, entry.id) is None:
            return False
        held = frozenset(self._ended.held)
        return entry.id in done_jobs(self._folder, self._manifest, frozenset({entry.id}), held)

    def _start(self, entry: Entry) -> None:
        taken = {r.slot for r in self._running}
        slot = next(s for s in range(self._jobs) if s not in taken)
        self._display.started(entry, self._position(entry), len(self._entries))
        for line in edited_by_hand(self._folder, self._manifest, (entry,)):
            self._display.say(line)
        seen = looks(self._folder).get(entry.id, 0) if entry.final else 0
        if seen:
            self._display.say(
                f"warning: the test set of {clean(entry.id)} was looked at {times(seen)} before: what is chosen by what "
                "it told is no longer tested by it"
            )
        environment = environment_for(self._manifest, self._jobs, slot)
        self._running.append(Running(self._folder, entry, environment, slot, self._lock.descriptor))
        self._ended.ran.append(entry.id)
        self._lock.note([r.group for r in self._running])

    def _position(self, entry: Entry) -> int:
        return 1 + next(i for i, e in enumerate(self._entries) if e.id == entry.id)

    def _end_all(self, stop: Stop) -> None:
        """End the process groups: SIGTERM, then SIGKILL after a while, or at once when asked a second
        time."""
        self._ended.stopped = tuple(r.entry.id for r in self._running)
        for job in self._running:
            job.signal(signal.SIGTERM)
        start, killed = time.monotonic(), 0.0
        while any(r.group_lives() for r in self._running):
            now = time.monotonic()
            if not killed and (stop.hurry or now - start > GRACE):
                killed = now
                for job in self._running:
                    job.signal(signal.SIGKILL)
            # Where no init collects the dead, zombies keep their group: they are not waited for.
            if killed and now - killed > 1:
                break
            time.sleep(POLL)
        for job in self._running:
            # It may have been at its very end.
            if job.finished():
                self._ended.done.add(job.entry.id)


def _before(entry: Entry) -> tuple[str, ...]:
    return *entry.needs, *entry.after


def why_failed(code: int) -> str:
    """An exit code in words."""
    if code == 0:
        return "ended without finishing (exit code 0)"
    # A shell says 128 + n for a child that signal n ended.
    number = -code if code < 0 else code - 128
    try:
        name = signal.Signals(number).name
    except ValueError:
        return f"exit code {code}"
    hint = ", often because memory ran out" if name == "SIGKILL" else ""
    return f"exit code {code} ({name}{hint})"


def environment_for(manifest: Manifest, jobs: int, slot: int) -> dict[str, str]:
    """The job's environment. When several run at once, each gets its part of the cores, or its own GPUs."""
    environment = {**os.environ, "SMOLC_PYTHON": sys.executable, "PYTHONUNBUFFERED": "1"}
    if jobs < 2:
        return environment
    cluster = manifest.cluster
    own = gpus.of_slot(cluster, slot, gpus.in_sight()) if cluster.device != "cpu" else []
    if own:
        environment["CUDA_VISIBLE_DEVICES"] = ",".join(own)
    elif cluster.device != "cuda":
        environment.setdefault("OMP_NUM_THREADS", str(max(1, _cores() // jobs)))
    return environment


def _cores() -> int:
    """Those that this process may use, or all of them where the system does not say (macOS)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
