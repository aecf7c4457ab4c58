"""What there is to do in a compiled folder, and the table of `--dry-run`."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path

from smolc.runtime.jobs.done import done_jobs, with_needs
from smolc.runtime.jobs.manifest import BrokenFolder, Entry, Manifest
from smolc.runtime.report.text import clean, shorten


def selected(manifest: Manifest, only: list[str]) -> tuple[Entry, ...]:
    """All jobs in running order, or those in `only` and what they need. Raises BrokenFolder if one is
    unknown."""
    ids = [e.id for e in manifest.jobs]
    for name in only:
        if name not in ids:
            near = difflib.get_close_matches(name, ids, n=1)
            help = f"did you mean {near[0]}?" if near else "--dry-run shows the jobs"
            raise BrokenFolder(f"there is no job {clean(name)}\nhelp: {clean(help)}")
    wanted = with_needs(manifest, frozenset(only)) if only else frozenset(ids)
    return tuple(e for e in manifest.jobs if e.id in wanted)


def states(folder: Path, manifest: Manifest, entries: tuple[Entry, ...]) -> dict[str, str]:
    """Id -> `done`, `would run` (now) or `waits for ...` (jobs that would run before it)."""
    done = done_jobs(folder, manifest, frozenset(e.id for e in entries))
    found = {}
    for entry in entries:
        waits = [n for n in entry.needs if n not in done]
        found[entry.id] = (
            "done" if entry.id in done else f"waits for {', '.join(waits)}" if waits else "would run"
        )
    return found


def dry_run(folder: Path, manifest: Manifest, entries: tuple[Entry, ...]) -> str:
    """The table: job, what, needs, state."""
    state = states(folder, manifest, entries)
    rows = [(e.id, shorten(e.title, 60), ", ".join(e.needs) or "–", state[e.id]) for e in entries]
    return table(("job", "what", "needs", "state"), rows)


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]], right: frozenset[int] = frozenset()) -> str:
    """Columns set apart by two blanks, aligned; `right`: columns of numbers."""
    cells = [[clean(cell) for cell in row] for row in (head, *rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
    lines = []
    for row in cells:
        padded = [
            c.rjust(w) if i in right else c.ljust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(padded).rstrip())
    return "\n".join(lines)
