"""`results.jsonl` of a compiled folder: every score on a line of its own, with all that it depends on.

There are no dates and no times in it: the same run gives the same lines.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from smolc.runtime.jobs.files import write_atomically
from smolc.runtime.report.collect import Run
from smolc.runtime.report.outputs import mapping
from smolc.runtime.results.evaluated import Evaluated, evaluated

OF_THE_ROW = (
    "model",
    "task",
    "metric",
    "value",
    "stderr",
    "low",
    "high",
    "n",
    "k",
    "no_answer",
    "unterminated",
    "stopped",
    "tokens",
    "thinking_scored",
    "unjudged",
    "agreement",
)
OF_THE_EVAL = (
    "decode",
    "seed",
    "strip",
    "strip_thinking",
    "engine",
    "judge",
    "precision",
    "device",
    "versions",
)
ABOUT_THE_CACHE = ("asked", "cached")


def write_lines(run: Run) -> Path | None:
    """Write `results.jsonl`; None, and nothing, if no eval is done."""
    lines = [line for one in evaluated(run) for line in lines_of(one)]
    if not lines:
        return None
    path = run.folder / "results.jsonl"
    write_atomically(path, "".join(json.dumps(line) + "\n" for line in lines))
    return path


def lines_of(one: Evaluated) -> list[dict[str, Any]]:
    """One object for each model, task and metric, in the order of results.json."""
    results = one.results
    about = {key: results.get(key) for key in OF_THE_EVAL}
    if about["judge"] is not None:
        judge = mapping(about["judge"])
        about["judge"] = {key: value for key, value in judge.items() if key not in ABOUT_THE_CACHE}
    lines = []
    for score in one.scores:
        template = one.template(score.model)
        task = one.task(score.task)
        lines.append(
            {
                "eval": one.id,
                "role": results.get("role"),
                **{key: score.raw.get(key) for key in OF_THE_ROW},
                "subset": mapping(results.get("subsets")).get(task.name if task else score.task),
                "weights": mapping(results.get("weights")).get(score.model),
                "template": {key: template.get(key) for key in ("template", "hash", "end_of_turn", "kwargs")},
                "max_new": task.max_new if task else None,
                **about,
            }
        )
    return lines
