"""Where no pairs came out: why, and what to do about what most was left out for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.pairs import Exact, PairsJob, Scorer, Strength, Tests
from smolc.runtime.pairs.candidates import CUT, EMPTY, UNTERMINATED, Group
from smolc.runtime.pairs.couples import ALIKE, LEFT, ONE_SIDE, SAME, SINGLE, TWO, UNKNOWN, UNSAID
from smolc.runtime.pairs.drops import Drops

SAME_PROMPT = "a prompt is the same if all of its messages are, a `system` prompt too"
GOOD = ("right", "passed")
DIFFER = "more answers to each prompt, at a higher temperature or of another model, differ more"
ADVICE = {
    ONE_SIDE: f"let both sides answer the same prompts: {SAME_PROMPT}",
    UNKNOWN: f"name `problems` with the prompts that were answered: {SAME_PROMPT}",
    UNSAID: "let the problems' rows say what is right",
    TWO: "decide which of the problems says what is right",
    SINGLE: "ask for several answers to each prompt (`samples`), or name other answers beside them",
    CUT: "raise `max_new` in what generates them, or say unfinished = keep",
    UNTERMINATED: "raise `max_new` in what generates them: they think longer than that",
    EMPTY: "take a model that answers, or look at what its template ends a prompt with",
    ALIKE: DIFFER,
    SAME: DIFFER,
}


def count_uncompared(groups: list[Group], by: object, drops: Drops) -> None:
    """Counts the prompts of which there are no two answers to compare."""
    for group in groups:
        why = _uncompared(group, by)
        if why is not None:
            drops.add(why, [c.source for c in group.candidates], group.prompt[-1]["content"])


def _uncompared(group: Group, by: object) -> str | None:
    if isinstance(by, Strength):
        sides = (by.chosen, by.rejected)
        if not all(group.asked.intersection(side) for side in sides):
            return ONE_SIDE
        left = {candidate.source for candidate in group.candidates}
        return None if all(left.intersection(side) for side in sides) else LEFT
    if len(group.candidates) > 1:
        return None
    if group.read == 1:
        return SINGLE
    return ALIKE if sum(one.times for one in group.candidates) == group.read else LEFT


def no_pairs(job: PairsJob, read: int, drops: Drops, about: Mapping[str, Any], listed: str) -> JobError:
    """read: answers. about: what is known of who compared."""
    said: Mapping[str, int] = about.get("answers") or about.get("programs") or {}
    counted = ", ".join(f"{n:,} {kind}" for kind, n in said.items())
    told = "; ".join(part for part in (counted, drops.told()) if part) or "nothing was better than another"
    return JobError(
        f"no pairs came out of {read:,} answers: {told}",
        help=f"{_advice(job, drops, said)}; {listed} lists what was dropped",
    )


def _advice(job: PairsJob, drops: Drops, said: Mapping[str, int]) -> str:
    why = next((why for why, _ in drops.counts.most_common() if why != LEFT), SAME)
    if why in ADVICE:
        return ADVICE[why]
    if (
        why in drops.bad or why in drops.bad_couples
    ):  # of a scorer or a judge, which say it in their own words
        return "take another model to say which answer is better: this one gives no verdict on most of them"
    if isinstance(job.by, (Exact, Tests)):
        right, wrong = (
            sum(n for kind, n in said.items() if (kind in GOOD) == good) for good in (True, False)
        )
        if not right or not wrong:
            return (
                "none is right: take easier problems or a stronger model, or look at what is compared"
                if not right
                else "none is wrong: take harder problems or a weaker model"
            )
    if isinstance(job.by, Scorer) and job.by.margin:
        return f"lower `margin`: the scores of no two answers to a prompt are {job.by.margin:g} apart; or {DIFFER}"
    return DIFFER
