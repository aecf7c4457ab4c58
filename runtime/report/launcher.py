"""What torchrun and accelerate say at the end of a log when a process of a run has failed, in fewer words."""

from __future__ import annotations

import re
import signal

_ITS_OWN = re.compile(r"[WE]\d{4} \S+ \d+ torch/distributed/elastic/")
_LAUNCHED = re.compile(r'  File ".*(accelerate/commands/launch|torch/distributed/run)\.py"')
_CHILD = "ChildFailedError"
_RANK = re.compile(r"\s*rank\s*: (\d+) ")
_CODE = re.compile(r"\s*exitcode\s*: (-?\d+) \(pid: (\d+)\)")
_TRACED = re.compile(r"\[rank(\d+)\]: ?")
TRACEBACK = "Traceback (most recent call last):"
ENDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""How the launcher ends those that are left when one has failed."""


def without_launcher(lines: list[str]) -> list[str]:
    """The lines that the job's own processes wrote: the launcher's notes, and its traceback, which comes last, are left
    out. So are tracebacks of processes that only lost another one. Of a launcher that failed by itself, such as for a port
    that is taken, the last line stays."""
    end, itself = len(lines), list[str]()
    for i, line in enumerate(lines):
        # Below the launcher's traceback there is its table alone.
        if line == TRACEBACK and any(_LAUNCHED.match(later) for later in lines[i + 1 : i + 6]):
            if not any(_CHILD in later for later in lines[i:]):
                itself = [line for line in lines[i:] if line.strip()][-1:]
            end = i
            break
    own = [line for line in lines[:end] if not _ITS_OWN.match(line)] + itself
    traced = {match[1] for line in own if (match := _TRACED.match(line))}
    shown = set() if ended_by_signal(lines) else {_first_to_fail(lines[end:])} & traced or traced
    return [line for line in own if not (match := _TRACED.match(line)) or match[1] in shown]


def _first_to_fail(lines: list[str]) -> str | None:
    """The rank that the launcher saw fail first."""
    found = False
    for line in lines:
        found = found or line.startswith("Root Cause")
        if found and (match := _RANK.match(line)):
            return match[1]
    return None


def ended_by_signal(lines: list[str]) -> list[str]:
    """A sentence for each process that a signal ended, but for those that the launcher itself ended."""
    found: dict[int, str] = {}
    rank = None
    for line in lines:
        if match := _RANK.match(line):
            rank = int(match[1])
        elif (match := _CODE.match(line)) and rank is not None:
            code = int(match[1])
            if code < 0 and -code not in ENDED:
                found[rank] = _sentence(rank, -code, match[2])
            rank = None
    return [found[rank] for rank in sorted(found)]


def _sentence(rank: int, number: int, pid: str) -> str:
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    hint = {
        "SIGKILL": ": often because the machine's memory ran out (`dmesg` says so)",
        "SIGSEGV": ": a fault in a library",
        "SIGBUS": ": often because /dev/shm is full",
        "SIGABRT": ": a library gave up; the lines above may say why",
    }.get(name, "")
    return f"rank {rank} (process {pid}) was ended by {name}{hint}; the others were ended with it"
