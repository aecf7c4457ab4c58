"""Prompts with what the models said, failures first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from smolc.runtime.report.collect import Run
from smolc.runtime.report.evals import models_of
from smolc.runtime.report.outputs import number, read_lines
from smolc.runtime.report.text import clean, label, setting, shorten
from smolc.runtime.results.evaluated import Evaluated, evaluated

# What a page can hold: prompts shown of each task, characters of one text, lines of samples.jsonl that are
# looked at.
PROMPTS, LONGEST, MOST_SAMPLES = 12, 1500, 200_000


@dataclass(frozen=True)
class Said:
    """One answer. right: `good` or `bad`; empty where it has no score."""

    answer: str
    score: float | None
    mark: str
    right: str
    note: str


@dataclass
class Sample:
    """One prompt. answers: by model."""

    prompt: str
    gold: str
    answers: dict[str, Said] = field(default_factory=dict)

    def rank(self, models: tuple[str, ...]) -> tuple[float, ...]:
        """Smaller first: what the last model got wrong, then what the one before it got wrong, and so on."""
        scores = (self.answers[m].score if m in self.answers else None for m in reversed(models))
        return tuple(1e9 if s is None else s for s in scores)


@dataclass(frozen=True)
class Samples:
    """Of one task: the `shown` prompts, the wrong ones first, and how many there were (wrong: by the last
    model)."""

    eval: str
    task: str
    models: tuple[str, ...]
    shown: tuple[Sample, ...]
    total: int
    wrong: int


def samples(run: Run) -> list[Samples]:
    return [
        found
        for one in evaluated(run, picks=False)
        if one.view.state == "done"
        for found in _samples_of(one, tuple(map(label, models_of(run, one))))
    ]


def _samples_of(one: Evaluated, models: tuple[str, ...]) -> Iterator[Samples]:
    tasks: dict[str, dict[str, Sample]] = {}
    unscored = {score.task for score in one.scores if score.value is None}
    graded = {score.task for score in one.scores if score.value is not None and score.value > 1}
    for index, row in enumerate(read_lines(one.view.out / "samples.jsonl")):
        if index >= MOST_SAMPLES:
            break
        task = str(row.get("task"))
        if task in unscored:
            continue
        # Models may be asked in different templates: a problem is known by its id.
        sample = tasks.setdefault(task, {}).setdefault(
            str(row.get("id")), Sample(_shown(row.get("prompt")), _shown(row.get("gold")))
        )
        # Of a prompt that was asked several times, the first answer is shown.
        sample.answers.setdefault(label(str(row.get("model"))), _said(row, graded=task in graded))
    for task, by_id in tasks.items():
        ordered = sorted(by_id.values(), key=lambda s: s.rank(models))
        last = models[-1] if models else ""
        wrong = sum(1 for s in ordered if last in s.answers and s.answers[last].right == "bad")
        yield Samples(label(one.id), label(task), models, _some(ordered, wrong), len(ordered), wrong)


def _said(row: dict[str, Any], graded: bool) -> Said:
    """graded: the score is no share of right, but a judge's grade."""
    answer, score = row.get("answer"), number(row.get("score"))
    if row.get("stopped") is False and isinstance(answer, str):
        answer += " … (cut off: it did not stop)"
    note = label(str(row["note"])) if row.get("note") else ""
    if score is None:
        return Said(_shown(answer), None, "", "", note)
    if graded:
        return Said(_shown(answer), score, f"{score:g}", "", note)
    mark = "✓" if score >= 1 else "✗" if score <= 0 else f"{score:.2f}"
    return Said(_shown(answer), score, mark, "good" if score >= 1 else "bad", note)


def _some(ordered: list[Sample], wrong: int) -> tuple[Sample, ...]:
    """Failures first, but not failures only: at most two thirds, so that a reader sees what right looks
    like."""
    bad = min(wrong, max(PROMPTS - (len(ordered) - wrong), PROMPTS * 2 // 3))
    return tuple(ordered[:bad] + ordered[wrong : wrong + PROMPTS - bad])


def _shown(value: object) -> str:
    text = value if isinstance(value, str) else "" if value is None else setting(value)
    return shorten(clean(text[: 20 * LONGEST], lines=True), LONGEST)
