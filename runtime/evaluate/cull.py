"""`kind: cull`: which runs of a halved grid go on from a rung.

`result.json`: `keep`, and `table` with `job`, `then`, `values`, `eval_loss` and `verdict` of each run: `goes on`, `stops`,
or what it was before it came here (`stopped`, `diverged`). The job after each run takes its own verdict and nothing else.
"""

from __future__ import annotations

from typing import Any

from smolc.runtime.evaluate.pick import named
from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.evaluate import CullJob
from smolc.runtime.report.outputs import number, read_object
from smolc.runtime.report.text import decimal

GOES_ON = "goes on"


def run(context: Context) -> None:
    """Never fails for what a run did: where all diverged, none goes on, and the pick says so."""
    job: CullJob = context.job  # type: ignore[assignment]
    table: list[dict[str, Any]] = []
    for candidate in job.candidates:
        result = read_object(context.out_of(candidate.job) / "result.json")
        table.append(
            {
                "job": candidate.job,
                "then": candidate.then,
                "values": dict(candidate.values),
                "eval_loss": number(result.get("eval_loss")),
                "verdict": _before(result),
            }
        )
    for row in best(table, job.keep):
        row["verdict"] = GOES_ON
    for row in table:
        loss = "" if row["eval_loss"] is None else f" (eval_loss {decimal(row['eval_loss'])})"
        print(f"{named(row['values'], row['job'])}: {row['verdict']}{loss}")
    context.tells = {str(row["then"]): str(row["verdict"]) for row in table}
    context.write_result({"keep": job.keep, "at": job.at, "table": table})


def best(table: list[dict[str, Any]], keep: int) -> list[dict[str, Any]]:
    """The rows with the smallest loss that came here; of equals, the first ones."""
    here = [row for row in table if row["verdict"] == "stops" and row["eval_loss"] is not None]
    return sorted(here, key=lambda row: row["eval_loss"])[:keep]


def _before(result: dict[str, Any]) -> str:
    return "diverged" if result.get("diverged") else "stopped" if result.get("stopped") else "stops"
