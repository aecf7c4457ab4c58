"""`kind: replicate`: whether known scores come out, before anything new is measured in the same way."""

from __future__ import annotations

import re
from typing import Any

from smolc.runtime.evaluate.gate import UNSCORED
from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.errors import JobError, run_first
from smolc.runtime.jobs.evaluate import Published, ReplicateJob
from smolc.runtime.report.outputs import mapping, number, objects, read_object
from smolc.runtime.report.text import clean, decimal, setting

ROUNDING = 1e-9
"""A difference that is the tolerance but for the arithmetic of floats is within it."""


def run(context: Context) -> None:
    """Print and write how each score came out. Raises JobError with those that are further off than they may be, and
    where to look."""
    job: ReplicateJob = context.job  # type: ignore[assignment]
    results = read_object(context.out_of(job.scores) / "results.json")
    if not objects(results.get("rows")):
        raise JobError(f"job {job.scores} left no scores", help=run_first(job.scores))
    found = [compare(one, results) for one in job.published]
    for one in found:
        print(said(one))
    context.write_result({"replicated": found, "holds": all(one["holds"] for one in found)})
    missed = [one for one in found if not one["holds"]]
    if missed:
        what = "a known score does" if len(missed) == 1 else f"{len(missed)} known scores do"
        lines = [
            line for one in missed for line in (f"  {said(one)}", *(f"    {x}" for x in where(one, results)))
        ]
        raise JobError(
            f"{what} not come out, so that what this eval says is not to be trusted:\n" + "\n".join(lines),
            help="mend what differs from how it was published, or widen `tolerance` if that is known to differ",
        )


def compare(known: Published, results: dict[str, Any]) -> dict[str, Any]:
    """One known score and what came out for it. holds: they are no further apart than `tolerance`, which is absolute;
    a missing score never holds. too_few: chance alone, by the 95% interval, may move the score by more than that."""
    row = next(
        (
            r
            for r in objects(results.get("rows"))
            if r.get("model") == known.model and r.get("task") == known.task
        ),
        {},
    )
    value, low, high = (number(row.get(key)) for key in ("value", "low", "high"))
    off = None if value is None else abs(value - known.score)
    reach = max(value - low, high - value) if None not in (value, low, high) else None  # type: ignore[operator]
    return {
        **known.model_dump(),
        "value": value,
        "low": low,
        "high": high,
        "n": number(row.get("n")),
        "k": number(row.get("k")),
        "metric": row.get("metric"),
        "holds": off is not None and off <= known.tolerance + ROUNDING,
        "too_few": reach is not None and reach > known.tolerance and by_chance(known.task, results),
        **{key: number(row.get(key)) or 0 for key in UNSCORED},
    }


def by_chance(task: str, results: dict[str, Any]) -> bool:
    """Whether another draw would give another score: problems were drawn, or answers sampled."""
    return subset_of(task, results) is not None or bool(
        number(mapping(results.get("decode")).get("temperature"))
    )


def subset_of(score: str, results: dict[str, Any]) -> float | None:
    """How many problems were drawn for the task of a score; None if all were asked."""
    drawn = mapping(results.get("subsets"))
    return number(drawn.get(score, drawn.get(re.sub(r"_(pass\d+|loss)$", "", score))))


def said(one: dict[str, Any]) -> str:
    """`✗ smol.ifeval: 0.2310 [0.1960, 0.2690] (n = 541), published 0.2990 ± 0.0200`"""
    mark = "✓" if one["holds"] else "✗"
    published = f"published {decimal(one['score'])} ± {decimal(one['tolerance'])}"
    name = f"{mark} {one['model']}.{one['task']}"
    if one["value"] is None:
        return clean(f"{name}: no score, {published}")
    spread = f" [{decimal(one['low'])}, {decimal(one['high'])}]" if one["low"] is not None else ""
    size = f" (n = {one['n']:.0f}{f', avg@{k:.0f}' if (k := one['k'] or 1) > 1 else ''})" if one["n"] else ""
    note = "; too few problems to tell: chance alone moves it by more" if one["too_few"] else ""
    return clean(f"{name}: {decimal(one['value'])}{spread}{size}, {published}{note}")


def where(one: dict[str, Any], results: dict[str, Any]) -> list[str]:
    """What a missed score was measured with, as the first things to compare with how it was published."""
    if one["value"] is None:
        return ["nothing was scored: see samples.jsonl of the eval"]
    lines = []
    graded = one["score"] > 1 or one["value"] > 1
    if graded and (one["score"] <= 1 or one["value"] <= 1):
        lines.append("scale: one is a share (0 to 1), the other a grade; write shares as 29.9%")
    if one["too_few"] and one["low"] <= one["score"] <= one["high"]:
        lines.append(
            "chance: the published score lies in the interval; ask more problems, or sample more answers"
        )
    answers = (one["n"] or 0) * (one["k"] or 1)
    counted = [f"{one[key]:.0f} of {answers:.0f} {what}" for key, what in UNSCORED.items() if one[key]]
    if counted:
        lines.append(f"answers: {', '.join(counted)}")
    template = mapping(mapping(results.get("templates")).get(one["model"]))
    hash = f" ({str(template['hash'])[:12]})" if template.get("hash") else ""
    lines.append(f"template: {template.get('template') or 'none'}{hash}")
    lines.append(f"decoding: {_decoding(mapping(results.get('decode')))}")
    drawn = subset_of(one["task"], results)
    asked = f"{drawn:.0f} drawn" if drawn is not None else f"all {one['n'] or 0:.0f}"
    lines.append(f"problems: {asked}, {one['k'] or 1:.0f} answer{'s' if (one['k'] or 1) > 1 else ''} each")
    lines.append(f"metric: {one['metric']}")
    return [clean(line) for line in lines]


def _decoding(decode: dict[str, Any]) -> str:
    temperature, longest = number(decode.get("temperature")), number(decode.get("max_new"))
    how = (
        f"temperature {setting(temperature)}, top-p {setting(decode.get('top_p'))}"
        if temperature
        else "greedy"
    )
    return how if longest is None else f"{how}, at most {longest:.0f} tokens"
