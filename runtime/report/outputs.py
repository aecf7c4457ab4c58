"""Reading what jobs wrote under `out/`. A file that is missing or damaged is an absence, never an error: the
report and the terminal have to tell about runs that failed half way."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from smolc.runtime.report.launcher import ended_by_signal, without_launcher

# An object longer than this on one line is no log line of ours.
LONGEST_LINE = 16 << 20


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in `path`, or {}."""
    found = read_json(path)
    return found if isinstance(found, dict) else {}


def read_json(path: Path) -> Any:
    """The JSON value in `path`, or None."""
    try:
        return json.loads(path.read_text(encoding="utf-8", errors="replace"))
    except (OSError, ValueError, RecursionError):
        return None


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a JSON-lines file; lines that are none are left out (the last may be half written)."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            while line := file.readline(LONGEST_LINE):
                try:
                    found = json.loads(line)
                except (ValueError, RecursionError):
                    continue
                if isinstance(found, dict):
                    yield found
    except OSError:
        return


def number(value: Any) -> float | None:
    """`value` as a finite float, or None."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects in `value` if it is a list, else nothing."""
    return [v for v in value if isinstance(v, dict)] if isinstance(value, list) else []


def mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def log_tail(path: Path, lines: int = 15) -> list[str]:
    """What to show of a failed job's log: its `error:` and `help:` lines with the indented
    lines that follow them (each once: every process says them), else the
    last `lines` that are not blank and not the launcher's; and which process a signal ended. At most
    the last 256 KiB are read."""
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - (256 << 10)))
            text = file.read().decode("utf-8", errors="replace")
    except OSError:
        return []
    # A carriage return starts a line over (progress bars): only what was last on it counts.
    everything = [line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n")]
    said: dict[str, None] = {}
    telling = False
    for line in everything:
        telling = line.startswith("error:") or (telling and line.startswith(("help:", " ", "\t")))
        if telling:
            said[line] = None
    own = [line for line in without_launcher(everything) if line.strip()]
    return (list(said) or own[-lines:]) + ended_by_signal(everything)
