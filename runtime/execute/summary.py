"""The end of a run, in the terminal: who won, what the scores are, what the models learnt from, where the
report is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from smolc.runtime.execute.states import table
from smolc.runtime.jobs.looks import looks, times
from smolc.runtime.jobs.manifest import Entry, Manifest
from smolc.runtime.report.collect import Run, collect
from smolc.runtime.report.data import data_sections
from smolc.runtime.report.evals import EvalTable, eval_tables
from smolc.runtime.report.text import clean, decimal, duration
from smolc.runtime.report.training import Training, trainings

# More sources than this are a matter for the report.
MOST_SOURCES = 8


def summary(folder: Path, entries: tuple[Entry, ...], seconds: float) -> str:
    """What is told after a run that went well; parts that the run does not have are left out."""
    run = collect(folder)
    parts = [
        *(_grid(t) for t in trainings(run) if t.grid is not None),
        *_shares(run),
        *(_scores(e) for e in eval_tables(run) if e.rows),
    ]
    end = f"done in {duration(seconds)}; the jobs took {duration(run.seconds())} in all"
    if any(e.kind == "report" for e in entries):
        end += f"\nreport: {folder / 'report.html'}"
    return "\n\n".join([*parts, end])


def about_tests(folder: Path, entries: tuple[Entry, ...], held: list[str]) -> list[str]:
    """What was held back, and how often the others were looked at."""
    counted = looks(folder)
    lines = [
        f"the test set of {clean(e.id)} was looked at {times(counted[e.id])}"
        for e in entries
        if e.final and e.id in counted
    ]
    if held:
        named = ", ".join(clean(h) for h in held)
        lines.append(f"held back, since test data is for the end: {named}; --final runs them")
    return lines


def _grid(training: Training) -> str:
    grid = training.grid
    if grid is None:
        return ""
    # What a halved grid is culled by, and a tie broken.
    held_out = grid.metric != "held-out loss" and any(r.eval_loss != decimal(None) for r in grid.rows)
    losses = ("train loss", "held-out loss") if held_out else ("train loss",)
    head = (*grid.keys, grid.metric, *losses, "tokens/s", "time", "")
    rows = []
    for r in grid.rows:
        found = (r.train_loss, r.eval_loss) if held_out else (r.train_loss,)
        rows.append((*r.values, r.score, *found, r.pace, r.seconds, "← winner" if r.winner else r.note))
    lines = [f"grid of {training.stage}", _indented(table(head, rows, frozenset(range(len(head) - 1))))]
    return "\n".join([*lines, *(f"  note: {n}" for n in grid.notes)])


def _scores(scores: EvalTable) -> str:
    """Tasks x models, the base first."""
    head = ("task", *scores.models, "n")
    rows = []
    for row in scores.rows:
        cells = ("–" if c is None else f"{c.value} {c.interval}".strip() for c in row.cells)
        rows.append((row.task, *cells, row.n))
    name = f"scores of {scores.id}" + (f" ({scores.role})" if scores.role else "")
    return f"{name}\n{_indented(table(head, rows, frozenset(range(1, len(head)))))}"


def _shares(run: Run) -> list[str]:
    """Of mixtures only: a single source has no shares."""
    found = []
    for section in data_sections(run):
        if not 1 < len(section.sources) <= MOST_SOURCES:
            continue
        trained = section.basis == "trained"
        head = ("source", "declared", *(("of trained",) if trained else ()), "of tokens", "of rows")
        rows = [
            (s.name, s.declared, *((s.by_trained,) if trained else ()), s.by_tokens, s.by_rows)
            for s in section.sources
        ]
        found.append(
            f"data of {section.title}\n{_indented(table(head, rows, frozenset(range(1, len(head)))))}"
        )
    return found


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())


def partial_report(folder: Path, manifest: Manifest) -> bool:
    """Write report.html from what there is, if the recipe has a report; whether it worked. In its own
    process: a report that fails must not hide why the run failed."""
    if all(e.kind != "report" for e in manifest.jobs):
        return False
    command = [sys.executable, "-m", "smolc.runtime.report", str(folder)]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0
