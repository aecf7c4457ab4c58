"""What there is to do in a compiled folder, and the table of `--dry-run`."""

from __future__ import annotations

import difflib
import shutil
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from smolc.runtime.execute.gone import gone_note
from smolc.runtime.jobs.done import done_jobs, read_done, with_needs
from smolc.runtime.jobs.edited import edited, note
from smolc.runtime.jobs.left import made_again
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
    return _states(entries, _look(folder, manifest, entries, final))


@dataclass(frozen=True)
class _Look:
    """held, done: ids. again: done jobs that would run again, and why in words."""

    held: frozenset[str]
    done: frozenset[str]
    again: dict[str, str]


def _look(
    folder: Path,
    manifest: Manifest,
    entries: tuple[Entry, ...],
    final: bool,
    asked: frozenset[str] = frozenset(),
) -> _Look:
    ids = frozenset(e.id for e in entries)
    held = frozenset() if final else held_back(entries, done_jobs(folder, manifest, ids))
    done = done_jobs(folder, manifest, ids, held)
    again = made_again(folder, entries, not_held(entries, done, final), ids - done - held, asked)
    return _Look(held, done - again.keys(), again)


def _states(entries: tuple[Entry, ...], look: _Look) -> dict[str, str]:
    found = {}
    for entry in entries:
        waits = [n for n in (*entry.needs, *entry.after) if n not in look.done and n not in look.held]
        state = HELD if entry.id in look.held else "done" if entry.id in look.done else _to_run(waits)
        found[entry.id] = state
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


def sure_to_run(
    folder: Path, entries: tuple[Entry, ...], done: frozenset[str], final: bool
) -> frozenset[str]:
    """Jobs that cannot turn out to be done once those before them are. The others are looked at when their turn comes."""
    held = frozenset() if final else held_back(entries, done)
    left = (e for e in entries if e.id not in done and e.id not in held)
    return frozenset(e.id for e in left if (read_done(folder, e.id) or {}).get("hash") != e.hash)


def not_held(entries: tuple[Entry, ...], ids: Collection[str], final: bool) -> frozenset[str]:
    """Those that may be run again: not so evals on test data without `--final`, which are looked at when asked for."""
    return frozenset(e.id for e in entries if e.id in ids and (final or not e.final))


def dry_run(
    folder: Path,
    manifest: Manifest,
    entries: tuple[Entry, ...],
    final: bool = False,
    asked: frozenset[str] = frozenset(),
    width: int | None = None,
) -> str:
    """The table: job, state, what, needs; then notes. asked: jobs that were asked for by name. width: of a terminal, which
    would break longer lines and with them the columns."""
    look = _look(folder, manifest, entries, final, asked)
    state = _states(entries, look)
    rows = [(e.id, state[e.id], shorten(e.title, 60), _needs(e)) for e in entries]
    lines = table(("job", "state", "what", "needs"), rows).splitlines()
    if width is not None:
        lines = [line if len(line) <= width else f"{line[: width - 1]}…" for line in lines]
    lines += [f"note: {clean(look.again[e.id])}" for e in entries if e.id in look.again]
    lines += gone_note(folder, [e.id for e in entries if e.id in look.done])
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
