"""Scores of runs against each other: what both measured, paired by problem, and what cannot be compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smolc.runtime.evaluate.metrics import holm
from smolc.runtime.jobs.manifest import BrokenFolder
from smolc.runtime.report.collect import Run, collect
from smolc.runtime.results.comparable import Compared, compared
from smolc.runtime.results.difference import Difference, difference, verdict
from smolc.runtime.results.evaluated import Evaluated, Score, evaluated


class NothingToCompare(Exception):
    """The message is for the user."""


@dataclass(frozen=True)
class Side:
    """A run, or one model of it. name: as it was asked for."""

    name: str
    run: Run
    model: str | None
    scores: tuple[tuple[Evaluated, Score], ...]


@dataclass(frozen=True)
class Against:
    """A score of the first side and that of another one. difference: the other minus the first; None where they cannot be
    compared. p: adjusted for all that are."""

    first: Score
    other: Score
    about: Compared
    difference: Difference | None
    p: float | None

    @property
    def verdict(self) -> str:
        """`better`, `worse` or `same`: the other side's; empty where they cannot be compared."""
        return verdict(self.other, self.difference, self.p) if self.difference else ""


@dataclass(frozen=True)
class Line:
    """A model on a task. others: one for each further side; None where it did not measure this."""

    model: str
    task: str
    eval: str
    others: tuple[Against | None, ...]


@dataclass(frozen=True)
class Comparison:
    """missing: by side, `model.task` of what another one has."""

    sides: tuple[Side, ...]
    lines: tuple[Line, ...]
    missing: tuple[tuple[str, ...], ...]

    @property
    def refused(self) -> int:
        """How many pairs cannot be compared."""
        return sum(1 for line in self.lines for a in line.others if a is not None and a.about.reasons)

    @property
    def tested(self) -> int:
        return sum(1 for line in self.lines for a in line.others if a is not None and a.p is not None)


def side(name: str) -> Side:
    """`FOLDER` or `FOLDER:model`. Raises NothingToCompare if there is no compiled folder, no score or no such model."""
    folder, model = name, None
    if not Path(name).is_dir():
        before, colon, after = name.rpartition(":")
        if colon and Path(before).is_dir():
            folder, model = before, after
    try:
        run = collect(Path(folder))
    except BrokenFolder as error:
        raise NothingToCompare(str(error)) from error
    evals = evaluated(run, picks=False)
    scores = [(one, score) for one in evals for score in one.scores if score.value is not None]
    if not scores:
        states = ", ".join(f"{one.id}: {one.view.state}" for one in evals)
        raise NothingToCompare(
            f"{folder}: no scores yet ({states})" if evals else f"{folder}: its recipe has no evals"
        )
    if model is not None:
        known = list(dict.fromkeys(score.model for _, score in scores))
        scores = [(one, score) for one, score in scores if score.model == model]
        if not scores:
            raise NothingToCompare(f"{folder}: no scores of a model {model!r}; there are: {', '.join(known)}")
    return Side(name, run, model, tuple(scores))


def compare(sides: Sequence[Side]) -> Comparison:
    """The first with each of the others. Scores belong together that have the name of their task, and that of their
    model unless both sides are of one model. Raises NothingToCompare if there are none."""
    first, *others = sides
    lines, missing = [], [dict[str, None]() for _ in sides]
    taken: list[set[int]] = [set() for _ in others]
    for one, score in first.scores:
        found = [_partner(one, score, first, other) for other in others]
        for number, at in enumerate(found):
            if at is None:
                missing[number + 1][f"{score.model}.{score.task}"] = None
            else:
                taken[number].add(at)
        if any(at is not None for at in found):
            pairs = zip(found, others, strict=True)
            against = tuple(
                None if at is None else _against(one, score, *other.scores[at]) for at, other in pairs
            )
            lines.append(Line(score.model, score.task, one.id, against))
    for number, other in enumerate(others):
        for at, (_, score) in enumerate(other.scores):
            if at not in taken[number]:
                missing[0][f"{score.model}.{score.task}"] = None
    if not lines:
        names = [", ".join(dict.fromkeys(f"{s.model}.{s.task}" for _, s in side.scores)) for side in sides]
        raise NothingToCompare(
            "these runs have no score in common:\n"
            + "\n".join(f"  {side.name}: {had}" for side, had in zip(sides, names, strict=True))
            + "\nname the models to compare: RUN:model RUN:model"
        )
    return Comparison(tuple(sides), tuple(_adjusted(lines)), tuple(tuple(m) for m in missing))


def _partner(one: Evaluated, score: Score, first: Side, other: Side) -> int | None:
    """The other side's score of the same name, of the eval of the same name where several have it."""
    free = first.model is not None and other.model is not None
    near = [
        (theirs.id != one.id, at)
        for at, (theirs, candidate) in enumerate(other.scores)
        if candidate.task == score.task and (free or candidate.model == score.model)
    ]
    return min(near)[1] if near else None


def _against(one: Evaluated, mine: Score, other: Evaluated, theirs: Score) -> Against:
    about = compared(one, mine, other, theirs)
    away = None if about.reasons else difference(other, theirs, one, mine)
    return Against(mine, theirs, about, away, away.p if away else None)


def _adjusted(lines: Sequence[Line]) -> list[Line]:
    chances = [a.p for line in lines for a in line.others if a is not None and a.p is not None]
    adjusted = iter(holm(chances))
    return [
        Line(
            line.model,
            line.task,
            line.eval,
            tuple(
                Against(a.first, a.other, a.about, a.difference, next(adjusted))
                if a is not None and a.p is not None
                else a
                for a in line.others
            ),
        )
        for line in lines
    ]


def as_json(found: Comparison) -> dict[str, Any]:
    """What `--json` prints."""
    return {
        "runs": [
            {"name": s.name, "recipe": s.run.manifest.recipe, "plan": s.run.manifest.hash}
            for s in found.sides
        ],
        "comparisons": found.tested,
        "not_comparable": found.refused,
        "scores": [
            {"eval": line.eval, "model": line.model, "task": line.task, **_pair(side, against)}
            for line in found.lines
            for side, against in zip(found.sides[1:], line.others, strict=True)
            if against is not None
        ],
        "missing": {s.name: list(names) for s, names in zip(found.sides, found.missing, strict=True)},
    }


def _pair(other: Side, found: Against) -> dict[str, Any]:
    away = found.difference
    return {
        "against": other.name,
        "metric": found.first.metric,
        "first": _value(found.first),
        "other": _value(found.other),
        "comparable": not found.about.reasons,
        "reasons": list(found.about.reasons),
        "warnings": list(found.about.warnings),
        "difference": None
        if away is None
        else {
            "value": away.value,
            "low": away.low,
            "high": away.high,
            "p": away.p,
            "p_adjusted": found.p,
            "problems": away.n,
            "verdict": found.verdict,
        },
    }


def _value(score: Score) -> dict[str, Any]:
    return {
        "model": score.model,
        "value": score.value,
        "low": score.low,
        "high": score.high,
        "n": score.n,
        "k": score.k,
    }
