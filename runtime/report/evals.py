"""Scores side by side: tasks x models, with what is more than chance; checkpoints by their step."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from smolc.runtime.jobs.evaluate import Subject
from smolc.runtime.jobs.looks import looks, times
from smolc.runtime.jobs.train import TrainJob
from smolc.runtime.report.charts import Series, line_chart
from smolc.runtime.report.collect import Run
from smolc.runtime.report.grid import Chart
from smolc.runtime.report.measured import facts
from smolc.runtime.report.outputs import number
from smolc.runtime.report.scored import Cell, Pairs, cell, compare_all
from smolc.runtime.report.text import count, label
from smolc.runtime.results.evaluated import Evaluated, Score, evaluated

Tasks = dict[tuple[str, str], dict[str, Score]]
"""By task and metric: the score of each model."""
MOST_CHARTS = 12
CHECKPOINT = re.compile(r"(.+)@([0-9]{1,12})")


@dataclass(frozen=True)
class TaskRow:
    task: str
    metric: str
    n: str
    cells: tuple[Cell | None, ...]


@dataclass(frozen=True)
class EvalTable:
    """One eval: tasks x models, the base first. facts: how it was measured. looks: how often test data
    was looked at, in words. compared: how many comparisons were made,
    for all of which together the chances are adjusted."""

    id: str
    role: str
    models: tuple[str, ...]
    rows: tuple[TaskRow, ...]
    facts: tuple[tuple[str, str], ...]
    charts: tuple[Chart, ...]
    compared: int
    state: str
    looks: str = ""


def eval_tables(run: Run) -> list[EvalTable]:
    """The evals that a reader came for; those that only picked a winner are told with their stage."""
    return [eval_table(run, one) for one in evaluated(run, picks=False)]


def eval_table(run: Run, one: Evaluated) -> EvalTable:
    tasks: Tasks = {}
    for score in one.scores:
        if score.raw.get("value") is not None:
            tasks.setdefault((score.task, score.metric), {}).setdefault(score.model, score)
    models = [m for m in models_of(run, one) if CHECKPOINT.fullmatch(m) is None]
    others = _others(run, one, models)
    pairs = compare_all(one, tasks, others)
    return EvalTable(
        id=label(one.id),
        role=one.job.role if one.job else label(str(one.results.get("role") or "")),
        models=tuple(map(label, models)),
        rows=tuple(
            _row(task, metric, models, by, pairs[task, metric], others)
            for (task, metric), by in tasks.items()
        ),
        facts=facts(one) if tasks else (),
        charts=tuple(_charts(run, one, tasks)),
        compared=sum(len(found) for found in pairs.values()),
        state=one.view.state,
        looks=times(seen) if (seen := looks(run.folder).get(one.id, 0)) else "",
    )


def models_of(run: Run, one: Evaluated) -> list[str]:
    """In the recipe's order, but models that nothing trained come first: they are what the others are compared with.
    Checkpoints last."""
    named = list(dict.fromkeys(score.model for score in one.scores))
    if one.job is None:
        return named
    known = [subject.name for subject in sorted(one.job.subjects, key=lambda s: _is_trained(run, s))]
    return list(dict.fromkeys([*known, *named]))


def _is_trained(run: Run, subject: Subject) -> bool:
    maker = run.find(subject.job)
    return maker is None or maker.kind != "model"


def _others(run: Run, one: Evaluated, models: Sequence[str]) -> dict[str, list[str]]:
    """Of each model, those that it is compared with: the base, and the stage that it was trained from."""
    subjects = {subject.name: subject for subject in one.job.subjects} if one.job else {}
    by_job = {subject.job: name for name, subject in reversed(list(subjects.items()))}
    before = {name: _before(run, subject.job, by_job) for name, subject in subjects.items()}
    starts = [name for name in models if name in before.values() and before.get(name) is None]
    base = next(iter(starts or models), None)
    return {
        model: list(dict.fromkeys(to for to in (base, before.get(model)) if to is not None and to != model))
        for model in models
    }


def _before(run: Run, job_id: str, by_job: Mapping[str, str]) -> str | None:
    """The nearest subject among those that a job's model was trained from."""
    seen: set[str] = set()
    while job_id not in seen:
        seen.add(job_id)
        view = run.find(job_id)
        if view is not None and view.kind == "pick":
            job_id = str(view.result.get("winner"))
        elif view is not None and isinstance(view.job, TrainJob):
            job_id = view.job.init
            if job_id in by_job:
                return by_job[job_id]
    return None


def _row(
    task: str,
    metric: str,
    models: Sequence[str],
    by_model: Mapping[str, Score],
    pairs: Pairs,
    others: Mapping[str, Sequence[str]],
) -> TaskRow:
    in_percent = all(score.is_share for score in by_model.values())
    cells = tuple(cell(by_model[m], pairs, others[m], in_percent) if m in by_model else None for m in models)
    sizes = sorted({score.n for score in by_model.values() if score.n is not None})
    repeats = max((score.k for score in by_model.values()), default=1)
    size = " / ".join(count(s) for s in sizes) + (f" × {repeats}" if repeats > 1 else "")
    lower = any(score.lower_is_better for score in by_model.values())
    shown = label(metric).replace("_", " ") + (", lower is better" if lower else "")
    return TaskRow(label(task), shown, size, cells)


def _charts(run: Run, one: Evaluated, tasks: Tasks) -> list[Chart]:
    """Of each task, the scores of a subject's checkpoints over the step; the model itself is the last of them."""
    charts = []
    for (task, metric), by_model in tasks.items():
        lines: dict[str, list[tuple[float, float]]] = {}
        in_percent = all(score.is_share for score in by_model.values())
        for model, score in by_model.items():
            if (found := CHECKPOINT.fullmatch(model)) and score.value is not None:
                lines.setdefault(found[1], []).append((float(found[2]), score.value))
        for name, points in lines.items():
            last, end = by_model.get(name), _last_step(run, one, name)
            if last is not None and last.value is not None and end is not None:
                points.append((end, last.value))
        if not lines:
            continue
        scale = 100.0 if in_percent else 1.0
        series = [
            Series(label(name), [(x, scale * y) for x, y in sorted(points)], colour)
            for colour, (name, points) in enumerate(lines.items())
        ]
        shown = label(metric).replace("_", " ") + (" (%)" if in_percent else "")
        charts.append(Chart(label(task), line_chart(series, "step", shown), "by checkpoint"))
    return charts[:MOST_CHARTS]


def _last_step(run: Run, one: Evaluated, name: str) -> float | None:
    """Of the training that made a subject."""
    job_id = next((s.job for s in one.job.subjects if s.name == name), None) if one.job else None
    view = run.find(job_id) if job_id is not None else None
    if view is not None and view.kind == "pick":
        view = run.find(str(view.result.get("winner")))
    return number(view.result.get("steps")) if view is not None else None
