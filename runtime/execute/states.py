"""What there is to do in a compiled folder, and the table of `--dry-run`."""

from __future__ import annotations

import difflib
import shutil
from collections.abc import Sequence
from pathlib import Path

from smolc.runtime.jobs.done import done_jobs, with_needs
from smolc.runtime.jobs.edited import edited, note
from smolc.runtime.jobs.looks import is_held
from smolc.runtime.jobs.manifest import BrokenFolder, Entry, Manifest
from smolc.runtime.report.text import clean, shorten


def selected(manifest: Manifest, only: list[str]) -> tuple[Entry, ...]:
    """All jobs in running order, or those in `only` and what they need. Raises BrokenFolder if one is
    unknown."""
    check_names(manifest, only)
    wanted = with_needs(manifest, frozenset(only)) if only else frozenset(e.id for e in manifest.jobs)
    return tuple(e for e in manifest.jobs if e.id in wanted)


def check_names(manifest: Manifest, names: list[str]) -> None:
    """Raises BrokenFolder if there is no job of such a name."""
    ids = [e.id for e in manifest.jobs]
    for name in names:
        if name not in ids:
            near = difflib.get_close_matches(name, ids, n=1)
            help = f"did you mean {near[0]}?" if near else "--dry-run shows the jobs"
            raise BrokenFolder(f"there is no job {clean(name)}\nhelp: {clean(help)}")


def forget(folder: Path, names: list[str]) -> None:
    """What these jobs have done so far does not count any more: they start at their beginning."""
    for name in names:
        out = folder / "out" / name
        (out / "done.json").unlink(missing_ok=True)
        shutil.rmtree(out / "checkpoints", ignore_errors=True)


HELD = "held back: run with --final"
MOST_WAITS, MOST_NEEDS = 2, 3
"""Jobs that are named in a cell: the report of a large grid needs dozens. manifest.json names them all."""


def states(
    folder: Path, manifest: Manifest, entries: tuple[Entry, ...], final: bool = False
) -> dict[str, str]:
    """Id -> `done`, `would run` (now), `waits for ...` (jobs that would run before it) or `held back: ...`."""
    ids = frozenset(e.id for e in entries)
    held = frozenset() if final else held_back(entries, done_jobs(folder, manifest, ids))
    done = done_jobs(folder, manifest, ids, held)
    found = {}
    for entry in entries:
        waits = [n for n in (*entry.needs, *entry.after) if n not in done and n not in held]
        found[entry.id] = HELD if entry.id in held else "done" if entry.id in done else _to_run(waits)
    return found


def _to_run(waits: list[str]) -> str:
    if not waits:
        return "would run"
    return f"waits for {', '.join(waits) if len(waits) <= MOST_WAITS else f'{len(waits)} jobs'}"


def held_back(entries: tuple[Entry, ...], done: frozenset[str]) -> frozenset[str]:
    """What is not run without `--final`: evals on test data that are not done, and what needs them. A report is
    written without them."""
    held: set[str] = set()
    for entry in entries:
        if entry.id not in done and is_held(entry, held):
            held.add(entry.id)
    return frozenset(held)


def dry_run(
    folder: Path,
    manifest: Manifest,
    entries: tuple[Entry, ...],
    final: bool = False,
    width: int | None = None,
) -> str:
    """The table: job, state, what, needs. width: of a terminal, which would break longer lines and with them the columns."""
    state = states(folder, manifest, entries, final)
    rows = [(e.id, state[e.id], shorten(e.title, 60), _needs(e)) for e in entries]
    lines = table(("job", "state", "what", "needs"), rows).splitlines()
    if width is not None:
        lines = [line if len(line) <= width else f"{line[: width - 1]}…" for line in lines]
    return "\n".join([*lines, *edited_by_hand(folder, manifest, entries)])


def _needs(entry: Entry) -> str:
    names = (*entry.needs, *entry.after)
    more = len(names) - MOST_NEEDS
    return ", ".join(names[:MOST_NEEDS]) + (f" and {more} more" if more > 0 else "") or "–"


def edited_by_hand(folder: Path, manifest: Manifest, entries: tuple[Entry, ...]) -> list[str]:
    """A note for each job that is not as it was built."""
    found = ((entry, edited(folder, entry)) for entry in entries)
    return [f"note: {clean(note(entry, files, manifest.recipe))}" for entry, files in found if files]


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
