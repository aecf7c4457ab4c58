"""The end of a run, in the terminal."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from smolc.runtime.jobs.manifest import Entry, Manifest
from smolc.runtime.report.text import duration


def summary(folder: Path, manifest: Manifest, entries: tuple[Entry, ...], seconds: float) -> str:
    """What came out of the run, and where the report is."""
    lines = [f"done in {duration(seconds)}"]
    if any(e.kind == "report" for e in entries):
        lines.append(f"report: {folder / 'report.html'}")
    return "\n".join(lines)


def partial_report(folder: Path, manifest: Manifest, entries: tuple[Entry, ...]) -> bool:
    """Write report.html from what there is, if a report was asked for; whether it worked. In its own process:
    a report that fails must not hide why the run failed."""
    if all(e.kind != "report" for e in entries):
        return False
    command = [sys.executable, "-m", "smolc.runtime.report", str(folder)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return done.returncode == 0
