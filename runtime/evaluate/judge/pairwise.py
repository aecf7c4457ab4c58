"""Which of two answers is better, as AlpacaEval asks (Li et al. 2023), each pair in both orders: judges prefer a
place (Wang et al. 2023, arXiv:2305.17926) and length (Dubois et al. 2024, arXiv:2404.04475), which is counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

from smolc.runtime.evaluate.judge.jury import Found, Jury, Unsure, example, nothing_said, users_of
from smolc.runtime.evaluate.judge.prompts import pairwise_prompt
from smolc.runtime.evaluate.judge.verdicts import Unjudged, better_in
from smolc.runtime.evaluate.tasks.base import Verdict

if TYPE_CHECKING:
    from smolc.runtime.evaluate.asked import Said

SELF = "compared with itself"
SAME = "the same answer"


@dataclass
class _Pair:
    """mine, theirs: the answers, turn by turn. decided: score and note, where there is nothing to ask."""

    one: Said
    mine: list[str]
    theirs: list[str]
    decided: tuple[float, str] | None

    def prompts(self) -> tuple[str, str]:
        users = users_of(self.one)
        return (
            pairwise_prompt(users, self.mine, self.theirs),
            pairwise_prompt(users, self.theirs, self.mine),
        )


def pairwise(jury: Jury, said: Mapping[str, Sequence[Said]], against: str | None) -> Found:
    """Sets each verdict: 1 for the better answer, 0 for the worse, 0.5 for a tie or where the two orders disagree.

    against: the subject to compare with, which has 0.5 itself; None for the data's answers. One that ended in thought
    or said nothing loses to one that did not.
    """
    pairs = {
        name: [
            _pair(one, said[against][i] if against is not None else None, is_self=name == against)
            for i, one in enumerate(ones)
        ]
        for name, ones in said.items()
    }
    open_pairs = [pair for ones in pairs.values() for pair in ones if pair.decided is None]
    replies = iter(jury.ask([prompt for pair in open_pairs for prompt in pair.prompts()]))
    found = Found()
    for name, ones in pairs.items():
        unsure = Unsure(name, len(ones))
        for pair in ones:
            if pair.decided is not None:
                pair.one.verdict = _decided(pair)
            else:
                pair.one.verdict = _verdict(pair, next(replies), next(replies), unsure)
        found.counts[name] = _counts(ones) | {"unjudged": len(unsure.examples)}
        found.unsure.append(unsure)
    return found


def _pair(one: Said, other: Said | None, is_self: bool) -> _Pair:
    mine = [str(answer) for answer in one.answers]
    theirs = list(one.question.data) if other is None else [str(answer) for answer in other.answers]
    if is_self:
        return _Pair(one, mine, theirs, (0.5, SELF))
    mine_lacks = nothing_said(one.answers)
    theirs_lacks = nothing_said(theirs if other is None else other.answers)
    if mine_lacks and theirs_lacks:
        return _Pair(one, mine, theirs, (0.5, f"{mine_lacks}, and so did the other"))
    if mine_lacks:
        return _Pair(one, mine, theirs, (0.0, mine_lacks))
    if theirs_lacks:
        return _Pair(one, mine, theirs, (1.0, f"the other {theirs_lacks}"))
    return _Pair(one, mine, theirs, (0.5, SAME) if mine == theirs else None)


def _decided(pair: _Pair) -> Verdict:
    assert pair.decided is not None
    score, note = pair.decided
    more = {"orders": None, "judge": None, "unjudged": False, **_shown(pair)}
    return Verdict(score, note=note, no_answer=not pair.one.answers[-1].strip(), more=more)


def _verdict(pair: _Pair, reply: str | Unjudged, swapped: str | Unjudged, unsure: Unsure) -> Verdict:
    """`orders`: who won where this answer was A, and where it was B, as A or B or tie of that order."""
    replies = [reply, swapped]
    found = [r if isinstance(r, Unjudged) else better_in(r) for r in replies]
    more: dict[str, Any] = {
        "orders": [None if isinstance(f, Unjudged) else f for f in found],
        "judge": [r if isinstance(r, str) else None for r in replies],
        "unjudged": False,
        **_shown(pair),
    }
    failed = next((i for i, f in enumerate(found) if isinstance(f, Unjudged)), None)
    if failed is not None:
        what = found[failed]
        assert isinstance(what, Unjudged)
        said = replies[failed]
        unsure.examples.append(example(pair.one, what.why, said if isinstance(said, str) else None))
        return Verdict(None, note=what.why, more={**more, "unjudged": True})
    first = {"A": 1.0, "B": 0.0, "tie": 0.5}[found[0]]  # type: ignore[index]
    second = {"A": 0.0, "B": 1.0, "tie": 0.5}[found[1]]  # type: ignore[index]
    agreed = first == second
    score = first if agreed else 0.5
    said_so = {1.0: "won", 0.0: "lost", 0.5: "tie"}[score]
    note = None if agreed else "the two orders disagree"
    return Verdict(score, extracted=said_so, note=note, more={**more, "agreed": agreed})


def _shown(pair: _Pair) -> dict[str, Any]:
    return {
        "other": pair.theirs if len(pair.theirs) > 1 else pair.theirs[0],
        "length": _length(pair.mine),
        "length_other": _length(pair.theirs),
    }


def _length(answers: Sequence[str]) -> int:
    """Characters."""
    return sum(map(len, answers))


def _counts(pairs: Sequence[_Pair]) -> dict[str, Any]:
    """agreement: share of pairs with the same winner in both orders. first_wins: share of verdicts, ties left out, for
    the answer that came first (0.5 where the place is nothing to the judge). longer_wins: share of wins of the longer
    answer. length, length_other: characters, mean. None where there are none."""
    judged = [pair for pair in pairs if pair.one.verdict.more.get("agreed") is not None]
    orders = [v for pair in judged for v in pair.one.verdict.more["orders"] if v != "tie"]
    won = [p for p in judged if p.one.verdict.score != 0.5 and _length(p.mine) != _length(p.theirs)]
    scores = [pair.one.verdict.score for pair in pairs]
    return {
        "wins": scores.count(1.0),
        "ties": scores.count(0.5),
        "losses": scores.count(0.0),
        "agreement": _mean([pair.one.verdict.more["agreed"] for pair in judged]),
        "first_wins": _mean([v == "A" for v in orders]),
        "longer_wins": _mean(
            [(p.one.verdict.score == 1) == (_length(p.mine) > _length(p.theirs)) for p in won]
        ),
        "length": _mean([_length(pair.mine) for pair in pairs]),
        "length_other": _mean([_length(pair.theirs) for pair in pairs]),
    }


def _mean(values: Sequence[float]) -> float | None:
    return fmean(values) if values else None
