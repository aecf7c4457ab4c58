"""One score as the report shows it: value, interval, how far it is from others, and the answers that were odd."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from smolc.runtime.evaluate.metrics import holm
from smolc.runtime.evaluate.told import SAID
from smolc.runtime.report.outputs import number
from smolc.runtime.report.text import count, decimal, label, percent
from smolc.runtime.results.difference import Difference, difference, verdict
from smolc.runtime.results.evaluated import Evaluated, Score

MARKS = {"better": "▲", "worse": "▼", "same": "≈"}
PAIRED_KEYS = {
    "agreement": "both orders agree",
    "first_wins": "the first wins",
    "longer_wins": "the longer wins",
}
"""Shares that a judge of pairs is told by."""


@dataclass(frozen=True)
class Delta:
    """A score against that of model `to`. verdict: `better`, `worse` or `same`, by the chance p that all comparisons of
    the table together leave."""

    to: str
    value: str
    interval: str
    p: str
    problems: str
    verdict: str
    mark: str


@dataclass(frozen=True)
class Cell:
    """One model on one task."""

    value: str
    interval: str
    deltas: tuple[Delta, ...]
    counts: tuple[str, ...]


Pairs = dict[tuple[str, str], tuple[Difference, float | None]]
"""By model and the model it is compared with: the difference, and p as Holm has it."""


def compare_all(
    one: Evaluated,
    tasks: Mapping[tuple[str, str], Mapping[str, Score]],
    others: Mapping[str, Sequence[str]],
) -> dict[tuple[str, str], Pairs]:
    """By task and metric. others: of each model, those that it is compared with. p is adjusted over all of them."""
    found: list[tuple[tuple[str, str], tuple[str, str], Difference]] = []
    for task, by_model in tasks.items():
        for model, to in ((m, t) for m, ts in others.items() for t in ts):
            mine, theirs = by_model.get(model), by_model.get(to)
            if mine and theirs and (away := difference(one, mine, one, theirs)):
                found.append((task, (model, to), away))
    known = [away.p for *_, away in found if away.p is not None]
    adjusted = iter(holm(known))
    pairs: dict[tuple[str, str], Pairs] = {task: {} for task in tasks}
    for task, models, away in found:
        pairs[task][models] = away, (None if away.p is None else next(adjusted))
    return pairs


def cell(score: Score, pairs: Pairs, others: Sequence[str], in_percent: bool) -> Cell:
    deltas = tuple(
        _delta(score, to, *pairs[score.model, to], in_percent) for to in others if (score.model, to) in pairs
    )
    return Cell(
        percent(score.value) if in_percent else decimal(score.value),
        interval(score.low, score.high, in_percent),
        deltas,
        counts(score),
    )


def _delta(score: Score, to: str, away: Difference, p: float | None, in_percent: bool) -> Delta:
    said = verdict(score, away, p)
    return Delta(
        to=label(to),
        value=signed(away.value, in_percent),
        interval=interval(away.low, away.high, in_percent, sign=True),
        p=chance(p),
        problems="–" if away.n is None else count(away.n),
        verdict=said,
        mark=MARKS[said] if p is not None else "",
    )


def interval(low: float | None, high: float | None, in_percent: bool, sign: bool = False) -> str:
    """`[41.0, 50.1]`, in percent points or as the numbers are; empty where there is none."""
    if low is None or high is None:
        return ""
    if sign:
        return f"[{signed(low, in_percent)}, {signed(high, in_percent)}]"
    return f"[{100 * low:.1f}, {100 * high:.1f}]" if in_percent else f"[{decimal(low)}, {decimal(high)}]"


def signed(value: float, in_percent: bool) -> str:
    said = f"{100 * value:+.1f}" if in_percent else f"{value:+.4g}"
    return said.replace("-", "−")


def chance(p: float | None) -> str:
    return "–" if p is None else "< 0.001" if p < 0.001 else f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def counts(score: Score) -> tuple[str, ...]:
    """`12 never stopped`, of the answers that were odd; and how a judge of pairs judged."""
    found = []
    for key, said in SAID.items():
        if (times := number(score.raw.get(key))) is not None and times > 0:
            found.append(f"{count(times)} {said}")
    stopped = number(score.raw.get("stopped"))
    if stopped is not None and stopped < 1 and score.n is not None:
        found.append(f"{count(round((1 - stopped) * score.n * score.k))} never stopped")
    for key, said in PAIRED_KEYS.items():
        if (share := number(score.raw.get(key))) is not None:
            found.append(f"{said}: {percent(share, 0)}")
    notes = score.raw.get("notes")
    found += [label(str(note)) for note in notes] if isinstance(notes, list) else []
    return tuple(found)
