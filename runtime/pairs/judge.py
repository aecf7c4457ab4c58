"""A judge says which answers are better: by grades, or two by two, in both orders."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from smolc.runtime.data.formats import Message
from smolc.runtime.evaluate.engines.fingerprint import folder_sha256
from smolc.runtime.evaluate.judge.identity import demand_pin, identity
from smolc.runtime.evaluate.judge.jury import Jury
from smolc.runtime.evaluate.judge.prompts import grade_prompt, pairwise_prompt
from smolc.runtime.evaluate.judge.speaker import ChatSpeaker
from smolc.runtime.evaluate.judge.verdicts import Unjudged, better_in, grade_in
from smolc.runtime.evaluate.opened import answers_of, opened
from smolc.runtime.evaluate.subjects import prompting_of
from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.pairs import Judged, PairsJob
from smolc.runtime.pairs.candidates import Candidate, Group
from smolc.runtime.pairs.couples import NEAR, SAME, Compared, Couple, Tie, by_scores
from smolc.runtime.pairs.drops import Drops

DISAGREE = "the judge prefers a place: its two orders disagree"


def by_judge(
    context: Context, job: PairsJob, by: Judged, groups: Sequence[Group], drops: Drops
) -> tuple[list[Compared], dict[str, Any]]:
    """An answer on which the judge gives no verdict in the asked form is dropped, and counts as bad. Raises JobError if
    the judge or what it is asked is not what the recipe demands, before it is asked anything."""
    judge = by.judge
    at = Path(context.model_of(judge.job).source)
    if at.is_dir():
        precision = "bfloat16" if job.precision == "bf16" else "float32"
        demand_pin(judge, f"sha256:{folder_sha256(at, answers_of(context))} {precision}", "pin", "pairs")
    prompting = prompting_of(context, job, judge)
    thinking = judge.template.thinking if judge.template else None
    with opened(context, job, context.model_of(judge.job), prompting, thinking, judge.max_new) as lm:
        demand_pin(judge, lm.fingerprint, "pin", "pairs")
        about = identity(context, judge, (by.style,), lm.fingerprint)
        if by.prompt_pin is not None and by.prompt_pin != about["prompt_hash"]:
            raise JobError(
                f"the judge `{judge.name}` is asked something else than the recipe demands: the hash of its prompt is "
                f"{about['prompt_hash']}, prompt_pin is {by.prompt_pin}",
                help="pairs of two prompts cannot be compared: take the smolc that was used, or write the new hash",
            )
        jury = Jury(ChatSpeaker(lm), judge.max_new)
        lm.decoding.tell = lambda n: context.progress(n, max(n, 1), "verdict", f"{judge.name} judges")
        compared = (
            by_grades(jury, groups, by.margin, drops)
            if by.style == "grade"
            else two_by_two(jury, groups, drops)
        )
        return compared, {**about, "style": by.style, "asked": jury.asked, "cached": lm.cached}


def by_grades(jury: Jury, groups: Sequence[Group], margin: float, drops: Drops) -> list[Compared]:
    asked = [grade_prompt([(_question(g.prompt), c.final)], None) for g in groups for c in g.candidates]
    replies = iter(jury.ask(asked))
    found = []
    for group in groups:
        scores: dict[int, float] = {}
        for i, candidate in enumerate(group.candidates):
            reply = next(replies)
            grade = reply if isinstance(reply, Unjudged) else grade_in(reply)
            if isinstance(grade, Unjudged):
                _unjudged(drops, [candidate], grade, reply)
            else:
                scores[i] = grade
        found.append(by_scores(group.candidates, scores, margin))
    return found


def two_by_two(jury: Jury, groups: Sequence[Group], drops: Drops) -> list[Compared]:
    couples = [list(combinations(group.candidates, 2)) for group in groups]
    asked = []
    for group, both in zip(groups, couples, strict=True):
        question = [_question(group.prompt)]
        for one, other in both:
            if one.told != other.told:
                asked.append(pairwise_prompt(question, [one.final], [other.final]))
                asked.append(pairwise_prompt(question, [other.final], [one.final]))
    replies = iter(jury.ask(asked))
    found = []
    for both in couples:
        compared = Compared([], [])
        for one, other in both:
            if one.told == other.told:
                compared.ties.append((one, other, SAME))
                continue
            said = _said(one, other, next(replies), next(replies), drops)
            if isinstance(said, Couple):
                compared.couples.append(said)
            elif said is not None:
                compared.ties.append(said)
            else:
                compared.unjudged += 1
        found.append(compared)
    return found


def _said(
    one: Candidate, other: Candidate, reply: str | Unjudged, swapped: str | Unjudged, drops: Drops
) -> Couple | Tie | None:
    """What the judge said of two answers, the first time with `one` as A; None without a verdict."""
    better = []
    for said in (reply, swapped):
        verdict = said if isinstance(said, Unjudged) else better_in(said)
        if isinstance(verdict, Unjudged):
            _unjudged(drops, [one, other], verdict, said)
            return None
        better.append(verdict)
    if better == ["A", "B"]:
        return Couple(one, other, 1.0)
    if better == ["B", "A"]:
        return Couple(other, one, 1.0)
    return one, other, NEAR if "tie" in better else DISAGREE


def _unjudged(drops: Drops, of: list[Candidate], why: Unjudged, reply: str | Unjudged) -> None:
    said = reply if isinstance(reply, str) else ""
    place = " and ".join(one.place for one in of)
    drops.add(why.why, [one.source for one in of], place, said, bad=True)


def _question(prompt: Sequence[Message]) -> str:
    """What the user said; of a longer conversation all of it, turn by turn."""
    said = [m for m in prompt if m["role"] != "system"]
    if len(said) == 1:
        return str(said[0]["content"])
    return "\n\n".join(f"{m['role']}: {m['content']}" for m in said)
