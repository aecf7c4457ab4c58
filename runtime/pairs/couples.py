"""Couples of answers, better and worse, and which of them become pairs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from smolc.runtime.jobs.errors import JobError
from smolc.runtime.pairs.candidates import Candidate, Group
from smolc.runtime.pairs.drops import SHOWN, Drops

SAME = "the same answer on both sides"
NEAR = "as good, or nearer than the margin"
OPPOSITE = "the same two answers with opposite labels"
AGAIN = "the same pair again"
MORE = "more pairs of a prompt than wanted"
ALIKE = "prompts whose answers are all the same"
SINGLE = "prompts with one answer"
ONE_SIDE = "prompts that one side only answered"
LEFT = "prompts with no two answers left"
UNKNOWN = "answers to a prompt that no problem has"
UNSAID = "answers to a problem whose row does not say what is right"
TWO = "two problems with this prompt and different answers"


@dataclass
class Couple:
    """gap: how much better it is. scores: of both, where they have some."""

    better: Candidate
    worse: Candidate
    gap: float
    scores: tuple[float, float] | None = None

    @property
    def texts(self) -> tuple[str, str]:
        return self.better.told, self.worse.told

    @property
    def sources(self) -> list[str]:
        return [self.better.source, self.worse.source]

    @property
    def place(self) -> str:
        return f"{self.better.place} over {self.worse.place}"


Tie = tuple[Candidate, Candidate, str]
"""Two answers of which none is the better one, and why: SAME or NEAR."""


@dataclass
class Compared:
    """What was found of the answers to one prompt. unjudged: couples without a verdict."""

    couples: list[Couple]
    ties: list[Tie]
    unjudged: int = 0

    @property
    def all(self) -> int:
        return len(self.couples) + len(self.ties) + self.unjudged


def by_scores(candidates: Sequence[Candidate], scores: Mapping[int, float], margin: float) -> Compared:
    """All couples of what has a score (by the candidate's number); from `margin` on one is better, and never where both
    are the same."""
    found = Compared([], [])
    numbers = sorted(scores)
    for place, i in enumerate(numbers):
        for j in numbers[place + 1 :]:
            high, low = (i, j) if scores[i] >= scores[j] else (j, i)
            gap = scores[high] - scores[low]
            one, other = candidates[high], candidates[low]
            if one.told == other.told:
                found.ties.append((one, other, SAME))
            elif gap <= 0 or gap < margin:
                found.ties.append((one, other, NEAR))
            else:
                found.couples.append(Couple(one, other, gap, (scores[high], scores[low])))
    return found


def chosen(
    groups: Sequence[Group], compared: Sequence[Compared], at_most: int, seed: int, drops: Drops
) -> list[tuple[Group, Couple]]:
    """The couples that become pairs, prompt by prompt."""
    made: list[tuple[Group, Couple]] = []
    for group, found in zip(groups, compared, strict=True):
        for one, other, why in found.ties:
            drops.add(why, [one.source, other.source], f"{one.place} and {other.place}", one.text)
        made += [(group, couple) for couple in _chosen(group, found.couples, at_most, seed, drops)]
    return made


def _chosen(group: Group, couples: Sequence[Couple], at_most: int, seed: int, drops: Drops) -> list[Couple]:
    labels = {couple.texts for couple in couples}
    left: dict[tuple[str, str], Couple] = {}
    for couple in couples:
        why = None
        if couple.texts[::-1] in labels:
            why = OPPOSITE
        elif couple.texts in left:
            why = AGAIN
        if why is None:
            left[couple.texts] = couple
        else:
            drops.add(why, couple.sources, couple.place, couple.better.text, bad=why == OPPOSITE)
    waiting = dict(enumerate(left.values()))
    order = {i: _draw(seed, group.key, couple) for i, couple in waiting.items()}
    kept: list[Couple] = []
    while waiting and len(kept) < at_most:
        # The widest gap first; among like ones answers that no pair has yet, then by the seed.
        first = min(waiting, key=lambda i: (-waiting[i].gap, _used(waiting[i]), order[i]))
        couple = waiting.pop(first)
        couple.better.used += 1
        couple.worse.used += 1
        kept.append(couple)
    if waiting:
        drops.counts[MORE] += len(waiting)  # not listed: nothing is wrong with them
    return kept


def _used(couple: Couple) -> int:
    return couple.better.used + couple.worse.used


def _draw(seed: int, prompt: str, couple: Couple) -> str:
    said = "\0".join((str(seed), prompt, *couple.texts))
    return hashlib.sha256(said.encode(errors="surrogatepass")).hexdigest()


def refuse_ties(compared: Sequence[Compared]) -> None:
    """Raises JobError if there are any, for `ties = error`."""
    ties = [tie for found in compared for tie in found.ties]
    if ties:
        noun = "couple of answers has" if len(ties) == 1 else "couples of answers have"
        shown = [f"{one.place} and {other.place}: {why}" for one, other, why in ties[:SHOWN]]
        raise JobError(
            "\n  ".join([f"{len(ties):,} {noun} no better one, and ties = error", *shown]),
            help="say ties = drop, or a smaller margin",
        )
