"""What is said of done jobs whose files are gone, and which are not run again."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from smolc.runtime.jobs.left import loss
from smolc.runtime.report.text import clean

MOST = 3
"""Jobs that are named."""


def gone_note(folder: Path, ids: Iterable[str]) -> list[str]:
    """One line, or none. ids: of done jobs, in running order."""
    found = [one for job in ids if (one := loss(folder, job)) is not None]
    if not found:
        return []
    shown = found[:MOST]
    said = "; ".join(f"{one.job} ran, but {one.said()}" for one in shown)
    if len(found) > MOST:
        said += f"; so are files of {len(found) - MOST} more jobs"
    them = "it" if len(found) == 1 and not found[0].more else "them"
    fresh = " ".join(f"--fresh {one.job}" for one in shown)
    makes = f"smolc run RECIPE {fresh} makes {them} again"
    return [clean(f"note: {said}. Nothing that has to run needs {them}: {makes}")]
