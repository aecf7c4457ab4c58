"""How a grid's runs are called, and the rungs of a halved grid.

A halved grid trains each run as several jobs, one up to each rung (`halve_at`) and one to the end. Each goes on from the
last checkpoint of the one before if the `cull` job between them lets it. What a run learns does not depend on how many
others there are: only the verdict of the cull does, and it alone is what the job after it takes from it
(`runtime/jobs/done.py`). So a new point runs itself, and those whose verdict it changes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from smolc.compiler.model.recipe import Run
from smolc.compiler.plan.types import digest

LONGEST = 60
"""Characters of a run's values in its id."""


CULL = "cull"
"""What a cull passes on to hashes: nothing of the others."""


def run_ids(stage: str, runs: Sequence[Run]) -> list[str]:
    """`sft-lr-1e-3`: readable, unique, and safe as a folder name and in a shell. A run's id depends on its own values
    alone, as far as it can: a grid that is extended or reordered has the runs that it had."""
    made: list[str] = []
    for run in runs:
        parts = [f"{path.rsplit('.', 1)[-1]}-{value}" for path, value in run.written.items()]
        text = re.sub(r"[^A-Za-z0-9.]+", "-", "-".join(parts)).strip("-.")
        id = f"{stage}-{text[:LONGEST]}"
        if len(text) > LONGEST or id in made:
            id = f"{id}-{digest(run.written)[:6]}"
        made.append(id)
    return made


def data_id(stage: str, run_id: str, axes: int, body: dict[str, Any]) -> str:
    """Of a run whose data is not the stage's: runs with the same data share a job, in grids of several axes."""
    return f"{run_id}-data" if axes == 1 else f"{stage}-data-{digest(body)[:8]}"


def rung_id(run_id: str, at: float) -> str:
    return f"{run_id}-to-{_percent(at)}"


def cull_id(stage: str, at: float) -> str:
    return f"{stage}-cull-{_percent(at)}"


def rung_said(at: float) -> str:
    """Where a rung is: its loss has to be one that is written down (`runtime/train/rungs.py`)."""
    return f"at the first logged step from {at * 100:g}% on"


def part_body(before: str | None, verdict: str | None, until: float | None) -> dict[str, Any]:
    """What of a run a job of a halved grid trains. before: the job that it goes on from, verdict: the cull that lets it;
    until: the part of all steps at which it ends."""
    return {"before": before, "verdict": verdict, "until": until}


def kept_at(runs: int, rungs: Sequence[float]) -> dict[float, int]:
    """How many of the runs go on after each rung: the better half of those that came there, rounded up."""
    kept = {}
    for at in rungs:
        runs = kept[at] = (runs + 1) // 2
    return kept


def cull_body(
    at: float, keep: int, rung: Sequence[str], then: Sequence[str], runs: Sequence[Run]
) -> dict[str, Any]:
    """rung: jobs that end here, of each run; then: those that may go on from them."""
    candidates = [
        {"job": job, "then": after, "values": run.values}
        for job, after, run in zip(rung, then, runs, strict=True)
    ]
    return {"at": at, "keep": keep, "candidates": candidates}


def _percent(part: float) -> str:
    return f"{part * 100:g}pct"
