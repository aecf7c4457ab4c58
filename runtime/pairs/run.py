"""`kind: pairs`: preference rows out of answers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from smolc.runtime.evaluate.opened import set_environment
from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.files import write_atomically
from smolc.runtime.jobs.pairs import Exact, Judged, PairsJob, Scorer, Strength, Tests, Written
from smolc.runtime.jobs.prepare import HubData
from smolc.runtime.pairs.candidates import Group, load
from smolc.runtime.pairs.counts import counts
from smolc.runtime.pairs.couples import Compared, Couple, chosen, refuse_ties
from smolc.runtime.pairs.drops import Drops
from smolc.runtime.pairs.nothing import count_uncompared, no_pairs

FILE = "pairs.jsonl"
LISTED = "dropped.jsonl"


def run(context: Context) -> None:
    """Write `pairs.jsonl`, `dropped.jsonl` and `result.json`. Raises JobError."""
    job: PairsJob = context.job  # type: ignore[assignment]
    set_environment(context, _models(job), _from_hub(job))
    drops = Drops()
    found = load(context, job, drops)
    count_uncompared(found.groups, job.by, drops)
    try:
        # A verifier counts single answers, too; nobody else is asked about them.
        several = [group for group in found.groups if len(group.candidates) > 1]
        groups = found.groups if isinstance(job.by, Exact) else several
        compared, about = _compared(context, job, groups, drops)
        if job.ties == "error":
            refuse_ties(compared)
        pairs = chosen(groups, compared, job.at_most, job.seed, drops)
        drops.tolerate(job.bad_pairs, found.read, sum(one.all for one in compared))
    finally:
        write_atomically(context.out / LISTED, "".join(drops.lines))
    if not pairs:
        raise no_pairs(job, found.read, drops, about, LISTED)
    by = job.by.type
    write_atomically(context.out / FILE, "".join(_line(group, couple, by) for group, couple in pairs))
    said = counts(pairs)
    context.write_result(
        {
            **said,
            "answers": found.read,
            "prompts": len(found.groups),
            "dropped": dict(drops.counts.most_common()),
            "bad": dict((drops.bad + drops.bad_couples).most_common()),
            "by": {"type": by, **about},
        }
    )
    left = f"; dropped: {drops.told()}" if drops.counts else ""
    print(f"{len(pairs):,} pairs from {found.read:,} answers to {len(found.groups):,} prompts{left}")


def _models(job: PairsJob) -> list[str]:
    if isinstance(job.by, Scorer):
        return [job.by.model]
    return [job.by.judge.job] if isinstance(job.by, Judged) else []


def _from_hub(job: PairsJob) -> bool:
    rows = [source for source in job.answers if isinstance(source, Written)]
    problems = job.by.problems if isinstance(job.by, (Exact, Tests)) else ()
    return any(isinstance(source.location, HubData) for source in (*rows, *problems))


def _compared(
    context: Context, job: PairsJob, groups: Sequence[Group], drops: Drops
) -> tuple[list[Compared], dict[str, Any]]:
    """What is better than what, prompt by prompt, and who says so. Only what is needed is imported: some bring torch."""
    by = job.by
    if isinstance(by, Strength):
        from smolc.runtime.pairs.strength import by_strength

        return by_strength(groups, by), {"chosen": list(by.chosen), "rejected": list(by.rejected)}
    if isinstance(by, Exact):
        from smolc.runtime.pairs.problems import by_exact

        return by_exact(context, job, by, groups, drops)
    if isinstance(by, Tests):
        from smolc.runtime.pairs.problems import by_tests

        return by_tests(context, job, by, groups, drops)
    if isinstance(by, Scorer):
        from smolc.runtime.pairs.scorer import by_scorer

        return by_scorer(context, job, by, groups, drops)
    from smolc.runtime.pairs.judge import by_judge

    return by_judge(context, job, by, groups, drops)


def _line(group: Group, couple: Couple, by: str) -> str:
    said = {
        "prompt": group.prompt,
        "chosen": [{"role": "assistant", "content": couple.better.text}],
        "rejected": [{"role": "assistant", "content": couple.worse.text}],
        "by": by,
        "from": couple.sources,
        "scores": list(couple.scores) if couple.scores else None,
    }
    return json.dumps(said, ensure_ascii=False) + "\n"
