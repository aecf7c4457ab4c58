"""`kind: pick`: the grid run that goes on to the next stage."""

from __future__ import annotations

import math
from typing import Any

from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.done import EVERYONE, fingerprint, read_done
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.evaluate import Candidate, EvaluateJob, PickJob
from smolc.runtime.jobs.manifest import read_job
from smolc.runtime.report.outputs import number, objects, read_object
from smolc.runtime.report.text import clean, decimal, setting

FROM_TRAINING = ("train_loss", "eval_loss", "tokens_per_second")
MOST_NAMED = 4
"""Runs of a tie that are listed."""


def run(context: Context) -> None:
    """Choose and write `result.json`. Raises JobError when no candidate has a score."""
    job: PickJob = context.job  # type: ignore[assignment]
    table = [_row(context, job, candidate) for candidate in job.candidates]
    for row in table:
        found = row["why"] or f"{job.metric} {decimal(row['score'])}"
        print(f"{named(row['values'], row['job'])}: {found}")
    best = winner(table, job.goal)
    if best is None:
        raise JobError(
            (
                "every run of the grid diverged: "
                if all(row["diverged"] for row in table)
                else f"no run of the grid has a score by {job.metric}: "
            )
            + "; ".join(f"{row['job']}: {row['why']}" for row in table),
            help="try smaller learning rates, or a longer warm-up"
            if any(r["diverged"] for r in table)
            else "see the logs of these jobs",
        )
    tied = equals(table, best)
    # Of a tie no direction can be told.
    notes = (
        [tie_note(tied, best, job.metric)]
        if tied
        else edge_notes([row["values"] for row in table], best["values"])
    )
    print(f"winner: {named(best['values'], best['job'])}")
    for note in notes:
        print(f"note: {note}")
    context.tells = {EVERYONE: identity(context, best["job"])}
    context.write_result(
        {
            "winner": best["job"],
            "values": best["values"],
            "model": context.result_of(best["job"]).get("model"),
            "metric": job.metric,
            "goal": job.goal,
            "table": table,
            "notes": notes,
        }
    )


def identity(context: Context, job: str) -> str:
    """Which model a run ended with, as its done.json tells."""
    done = read_done(context.folder, job)
    reader = next((e for e in context.manifest.jobs if e.id == context.job.id), None)
    return f"{job} {fingerprint(done, reader) if done is not None and reader is not None else ''}"


def winner(table: list[dict[str, Any]], goal: str) -> dict[str, Any] | None:
    """The row with the best score; of equals the one with the smallest held-out loss, if their losses are the same
    function, or the first. None if no row has a score."""
    scored = [row for row in table if row["score"] is not None]
    sign = 1 if goal == "min" else -1
    best = min(scored, key=lambda row: sign * row["score"], default=None)
    tied = equals(table, best) if best is not None else []
    return min(tied, key=_held_out) if tied and same_loss(tied) else best


def same_loss(rows: list[dict[str, Any]]) -> bool:
    """Whether their held-out losses can be compared: the loss of a preference method scales with its beta."""
    return len({str({k: v for k, v in row["values"].items() if k.startswith("method")}) for row in rows}) == 1


def _held_out(row: dict[str, Any]) -> float:
    return math.inf if row["eval_loss"] is None else float(row["eval_loss"])


def equals(table: list[dict[str, Any]], best: dict[str, Any]) -> list[dict[str, Any]]:
    """All rows with the score of `best`, if there are several."""
    tied = [row for row in table if row["score"] == best["score"]]
    return tied if len(tied) > 1 else []


def tie_note(tied: list[dict[str, Any]], best: dict[str, Any], metric: str) -> str:
    """How one of equals was taken."""
    runs = " and ".join(f"({named(row['values'], row['job'])})" for row in tied)
    runs = runs if len(tied) <= MOST_NAMED else f"{len(tied)} runs"
    return (
        f"a tie: {runs} have the same {metric} ({decimal(best['score'])}), so it does not tell which is better; "
        f"the winner {_how_taken(tied, best)}"
    )


def _how_taken(tied: list[dict[str, Any]], best: dict[str, Any]) -> str:
    if not same_loss(tied):
        return "is the first of them, since held-out losses under different settings of the method cannot be compared"
    others = min((_held_out(row) for row in tied if row is not best), default=math.inf)
    return "has the smallest held-out loss of them" if _held_out(best) < others else "is the first of them"


def edge_notes(grid: list[dict[str, Any]], best: dict[str, Any]) -> list[str]:
    """A note for each number of which the best is the smallest or largest that was tried: what is beyond it
    may be better still."""
    notes = []
    for key, value in best.items():
        tried = sorted({v for row in grid if (v := number(row.get(key))) is not None})
        mine = number(value)
        if mine is None or len(tried) < 2 or mine not in (tried[0], tried[-1]):
            continue
        end, way = ("largest", "upwards") if mine == tried[-1] else ("smallest", "downwards")
        notes.append(f"the best {key} ({setting(value)}) is the {end} tried: extend the grid {way}")
    return notes


def _row(context: Context, job: PickJob, candidate: Candidate) -> dict[str, Any]:
    result = read_object(context.out_of(candidate.job) / "result.json")
    row: dict[str, Any] = {"job": candidate.job, "values": dict(candidate.values)}
    row.update({key: number(result.get(key)) for key in FROM_TRAINING})
    row["diverged"] = result.get("diverged") is True
    raw = result.get("eval_loss") if job.metric == "eval_loss" else _task_score(context, job, candidate.job)
    row["stopped"] = result.get("stopped") is True
    row["score"] = None if row["diverged"] or row["stopped"] else number(raw)
    row["why"] = None if row["score"] is not None else _why(result, job.metric, raw)
    return row


def _why(result: dict[str, Any], metric: str, raw: object) -> str:
    if result.get("diverged") is True:
        at = number(result.get("steps"))
        return "diverged" if at is None else f"diverged at step {at:.0f}"
    if result.get("stopped") is True:
        loss = number(result.get("eval_loss"))
        return f"{result.get('why')}" + ("" if loss is None else f", held-out loss {decimal(loss)}")
    if not result:
        return "left no result"
    return f"has no {metric}" if raw is None else f"{metric} is {raw}, not a finite number"


def _task_score(context: Context, job: PickJob, candidate: str) -> object:
    """The candidate's value for the task `job.metric`, or None."""
    for scores in job.scores:
        evaluate: EvaluateJob = read_job(context.folder, scores)
        names = {s.name for s in evaluate.subjects if s.job == candidate}
        for row in objects(read_object(context.out_of(scores) / "results.json").get("rows")):
            if row.get("model") in names and row.get("task") == job.metric:
                return row.get("value")
    return None


def named(values: dict[str, Any], job: str) -> str:
    return clean(", ".join(f"{key} = {setting(value)}" for key, value in values.items()) or job)
