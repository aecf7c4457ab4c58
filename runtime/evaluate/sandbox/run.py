"""Run a program, alone or with tests, and say how it ended."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Literal, TypeVar

from smolc.runtime.data.tokenise import processes
from smolc.runtime.evaluate.sandbox.process import Guarded, Stopped, supervise

T = TypeVar("T")
Kind = Literal["ok", "failed", "timed_out", "out_of_memory", "too_much"]
MEGABYTE = 2**20


@dataclass(frozen=True)
class Limits:
    """Of one program. seconds: of a processor; `wall` of the clock. memory: bytes of address space. output: bytes said
    on stdout and stderr. file: bytes of each. files, threads: how many."""

    seconds: float = 10.0
    memory: int = 1024 * MEGABYTE
    output: int = 8 * MEGABYTE
    file: int = 8 * MEGABYTE
    files: int = 16
    threads: int = 32

    @property
    def wall(self) -> float:
        """Seconds. More than those of a processor, which may be busy with others."""
        return 2 * self.seconds + 2

    def resources(self) -> dict[str, tuple[int, int]]:
        """Soft and hard, as setrlimit wants them."""
        cpu = ceil(self.seconds)
        return {
            "RLIMIT_CPU": (cpu, cpu + 1),
            "RLIMIT_AS": (self.memory, self.memory),
            "RLIMIT_FSIZE": (self.file, self.file),
            "RLIMIT_NOFILE": (64, 64),
            "RLIMIT_STACK": (64 * MEGABYTE, 64 * MEGABYTE),
            "RLIMIT_CORE": (0, 0),
        }


@dataclass(frozen=True)
class Outcome:
    """note: why it is not ok, in a few words. too_much: output, files or threads over the limits."""

    kind: Kind
    note: str | None = None
    stdout: str = ""

    @property
    def ok(self) -> bool:
        return self.kind == "ok"


def run_program(source: str, *, stdin: str = "", limits: Limits = Limits()) -> Outcome:
    """Run Python as a script. ok: it ended by itself, with exit code 0. Raises JobError if it cannot be shut in."""
    with _scratch() as folder:
        settings = {"role": "program", "source": source}
        with Guarded(settings, folder, limits.resources(), stdin=stdin, stdout=True) as program:
            stopped = supervise([program], program, limits)
    outcome = _ended(program, stopped)
    return Outcome(outcome.kind, outcome.note, program.said.decode(errors="replace"))


def run_tests(
    source: str, tests: str, *, names: Sequence[str], before: str = "", limits: Limits = Limits()
) -> Outcome:
    """Run Python that defines `names`, and tests that call them from another process. ok: the tests came to their end.

    before: what the tests need besides (imports, helpers); of the `names` it defines, the program's count. Values that
    are no plain data stay in the process of the program: the tests can call them and look into them.
    Raises JobError if they cannot be shut in.
    """
    (program_in, tests_out), (tests_in, program_out) = os.pipe(), os.pipe()
    served = {"role": "serve", "source": source, "names": list(names), "in": program_in, "out": program_out}
    testing = {"role": "tests", "source": tests, "before": before, "in": tests_in, "out": tests_out}
    ends = {"program": (program_in, program_out), "tests": (tests_in, tests_out)}
    resources = limits.resources()
    try:
        with (
            _scratch() as folder,
            _scratch() as other,
            Guarded(served, folder, resources, given=ends["program"]) as program,
            Guarded(testing, other, resources, given=ends["tests"]) as judge,
        ):
            for end in (*ends["program"], *ends["tests"]):
                os.close(end)  # or neither would see the other end
            ends.clear()
            stopped = supervise([program, judge], judge, limits)
    finally:
        for end in (e for both in ends.values() for e in both):
            os.close(end)
    verdict = judge.verdict()
    if verdict is not None and verdict["passed"]:
        return Outcome("ok")
    # What ended the program, if it has ended, is why the tests could not go on.
    outcome = _ended(program, stopped)
    if not outcome.ok:
        return outcome
    if verdict is None:
        return _ended(judge, stopped)
    note = verdict["note"] or "the program ended before its tests did"
    return Outcome("out_of_memory" if note == "MemoryError" else "failed", note)


def run_all(work: Sequence[Callable[[], T]], tell: Callable[[int], None] = lambda done: None) -> list[T]:
    """All of it, as much at once as there are processors. tell: given how much is done."""
    pool = ThreadPoolExecutor(processes())
    try:
        futures = [pool.submit(one) for one in work]
        for done, future in enumerate(as_completed(futures), start=1):
            future.result()
            tell(done)
        return [future.result() for future in futures]
    finally:
        pool.shutdown(cancel_futures=True)


def _ended(process: Guarded, stopped: Stopped | None) -> Outcome:
    last = process.last_line()
    if stopped is not None:
        return (
            Outcome("timed_out", "timed out") if stopped == "time" else Outcome("too_much", f"too {stopped}")
        )
    if process.ended_by("SIGXCPU"):
        return Outcome("timed_out", "timed out")
    if process.ended_by("SIGKILL") or last.startswith("MemoryError"):
        return Outcome("out_of_memory", "out of memory")
    if process.code == 0:
        return Outcome("ok")
    return Outcome("failed", last[:300] or process.how())


@contextmanager
def _scratch() -> Iterator[str]:
    """An empty folder. Nothing but files can be made in it."""
    folder = tempfile.mkdtemp(prefix="smolc-")
    try:
        yield folder
    finally:
        for file in Path(folder).iterdir():
            file.unlink()
        Path(folder).rmdir()
