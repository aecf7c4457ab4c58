"""Writing what an eval found."""

from __future__ import annotations

import json
from importlib.metadata import version
from typing import Any

from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.evaluate import EvaluateJob, SuiteTask
from smolc.runtime.jobs.files import write_atomically

PACKAGES = ("lm-eval", "torch", "transformers", "datasets")


def write(context: Context, job: EvaluateJob, found: Any) -> None:
    """`results.json` and `result.json` of a finished eval."""
    results = {
        "role": job.role,
        "rows": found.rows,
        "decode": job.decode.model_dump(),
        "seed": job.seed,
        "strip_thinking": job.strip_thinking,
        "strip": job.strip,
        "templates": found.templates,
        "weights": found.weights,
        "engine": found.engine,
        "judge": found.judge,
        "subsets": _subsets(job, found.work),
        "precision": job.precision,
        "versions": {name: version(name) for name in PACKAGES},
        "device": found.device.type,
    }
    write_atomically(
        context.out / "results.json",
        json.dumps(results, indent=1, ensure_ascii=False, allow_nan=False) + "\n",
    )
    scores = {f"{r['model']}.{r['task']}": r["value"] for r in found.rows}
    context.write_result({"role": job.role, "scores": scores})


def _subsets(job: EvaluateJob, work: dict[str, Any]) -> dict[str, int]:
    """By task, how many problems were asked of more that there are."""
    drawn = {}
    for task in job.tasks:
        if task.subset is not None and not isinstance(task, SuiteTask):
            drawn[task.name] = len(work[task.name].questions)
        elif task.subset is not None:
            drawn[task.name] = task.subset
    return drawn
