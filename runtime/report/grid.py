"""A grid of runs: its table, and score against what was varied."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from smolc.runtime.jobs.train import TrainJob
from smolc.runtime.report.charts import grid_plot
from smolc.runtime.report.collect import JobView, Run, short_names
from smolc.runtime.report.health import measured_of, words_of
from smolc.runtime.report.heat import Cell, heat_map, maps_of, span_of, spread_said
from smolc.runtime.report.outputs import mapping, number, objects, read_lines
from smolc.runtime.report.text import count, decimal, duration, label, percent, setting


@dataclass(frozen=True)
class Chart:
    title: str
    svg: Markup
    note: str = ""


@dataclass(frozen=True)
class GridRow:
    values: tuple[str, ...]
    score: str
    train_loss: str
    eval_loss: str
    pace: str
    seconds: str
    winner: bool
    note: str


@dataclass(frozen=True)
class Grid:
    keys: tuple[str, ...]
    metric: str
    rows: tuple[GridRow, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Runs:
    """A stage's training runs. One of a halved grid was trained in several jobs: `views` has the last of each.

    lost: `diverged` or `stopped`, by id. curves: what was logged. seconds: what all its jobs took. results: as of one job.
    """

    views: tuple[JobView, ...]
    lost: dict[str, str]
    curves: dict[str, list[dict[str, Any]]]
    seconds: dict[str, float | None]
    results: dict[str, dict[str, Any]]


def runs_of(run: Run, views: list[JobView]) -> Runs:
    """views: all training jobs of a stage."""
    ends = tuple(v for v in views if not isinstance(v.job, TrainJob) or v.job.ends_run)
    lost, curves, seconds, results = {}, {}, {}, {}
    for end in ends:
        chain = _chain(run, end)
        states = [word for word in ("diverged", "stopped") if any(v.result.get(word) is True for v in chain)]
        if states:
            lost[end.id] = states[0]
        logged = (list(read_lines(v.out / "metrics.jsonl")) for v in chain if v.state != "not run")
        curves[end.id] = next((rows for rows in logged if rows), [])
        took = [v.seconds for v in chain if v.seconds is not None]
        seconds[end.id] = sum(took) if took else None
        results[end.id] = end.result | _summed(chain[::-1])
    return Runs(ends, lost, curves, seconds, results)


def _summed(parts: list[JobView]) -> dict[str, float]:
    """What a part's result says of that part alone, for all that were trained; the rest is of the whole run so far."""
    trained: list[dict[str, Any]] = []
    for part in parts:
        if part.result.get("stopped") is True:  # a copy of the one before
            break
        trained.append(part.result)
        if part.result.get("diverged") is True:
            break
    timed = [
        (seconds, rate)
        for result in trained
        if (seconds := number(result.get("seconds"))) and (rate := number(result.get("tokens_per_second")))
    ]
    peaks = [peak for result in trained if (peak := number(result.get("peak_memory_gib"))) is not None]
    found = {"peak_memory_gib": max(peaks)} if peaks else {}
    if timed:
        found["seconds"] = sum(seconds for seconds, _ in timed)
        found["tokens_per_second"] = sum(seconds * rate for seconds, rate in timed) / found["seconds"]
    return found


def _chain(run: Run, end: JobView) -> list[JobView]:
    """The jobs that a run was trained in, the last first."""
    chain, view = [end], end
    while isinstance(view.job, TrainJob) and view.job.part is not None and view.job.part.before is not None:
        before = run.find(view.job.part.before)
        if before is None or before in chain:
            break
        chain.append(before)
        view = before
    return chain


def grid_plot_of(pick: JobView, values: dict[str, dict[str, Any]]) -> Chart | None:
    """Score against the one number that was varied; None where that is no picture."""
    table = objects(pick.result.get("table"))
    keys = list(dict.fromkeys(key for v in values.values() for key in v))
    if len(keys) != 1 or len(table) < 2:
        return None
    points: list[tuple[float, float | None, str]] = []
    said: list[str] = []
    apart: set[int] = set()
    winner = None
    by_loss = pick.result.get("metric") == "eval_loss"
    for row in table:
        x = number(mapping(row.get("values")).get(keys[0]))
        if x is None:
            return None
        if row.get("job") == pick.result.get("winner"):
            winner = len(points)
        score, name = number(row.get("score")), short_names({keys[0]: x})
        why = str(row.get("why") or "no score")
        if row.get("stopped") is True and by_loss and number(row.get("eval_loss")) is not None:
            apart.add(len(points))
            said.append(f"{name} {why}")
            points.append((x, number(row.get("eval_loss")), f"{name} {why}"))
            continue
        said.append(f"{name} {decimal(score) if score is not None else why}")
        said[-1] += " (winner)" if row.get("job") == pick.result.get("winner") else ""
        points.append((x, score, name if score is not None else _mark(why)))
    xs = [x for x, _, _ in points]
    log = min(xs) > 0 and max(xs) / min(xs) >= 4
    name, metric = label(keys[0]).rpartition(".")[2], _metric(pick)
    title = f"{metric.capitalize()} by {'learning rate' if name == 'lr' else name}"
    axis = name + (" (log scale)" if log else "")
    about = f"{title}: {'; '.join(said)}"
    note = "Crosses: stopped early, at the loss that they had then." if apart else ""
    return Chart(title, grid_plot(points, winner, axis, metric, log_x=log, about=about, apart=apart), note)


HEALTH = (
    ("preferred", "held-out pairs told apart", True, percent),
    ("kl_chosen", "KL to the start model, nats a token", False, decimal),
)
"""What is shown beside the score: both are blind to what an eval sees, and tell why it is as it is."""


def grid_maps_of(pick: JobView, runs: Runs, values: dict[str, dict[str, Any]]) -> list[Chart]:
    """Score over two things that were varied; of preference runs what was measured on held-out pairs, too."""
    table = {str(row.get("job")): row for row in objects(pick.result.get("table"))}
    views = [view for view in runs.views if view.id in table and values.get(view.id)]

    def tried(found_by: dict[str, float | None]) -> list[tuple[dict[str, Any], Cell]]:
        found = []
        for view in views:
            value = found_by[view.id]
            mark = "" if value is not None else _mark(str(table[view.id].get("why") or "no score"))
            found.append((values[view.id], Cell(value, mark, view.id == pick.result.get("winner"))))
        return found

    scores = tried({v.id: number(table[v.id].get("score")) for v in views})
    charts = _maps(scores, _metric(pick), pick.result.get("goal") == "max", None)
    for key, what, largest, said in HEALTH:
        cells = tried({v.id: measured_of(runs.results[v.id], key) for v in views})
        if any(cell.value is not None for _, cell in cells):
            charts += _maps(cells, what, largest, said)
    return charts


def _maps(
    tried: list[tuple[dict[str, Any], Cell]], what: str, largest: bool, said: Callable[[float], str] | None
) -> list[Chart]:
    maps = maps_of(tried)
    span = span_of(maps)
    charts = []
    for drawn in maps:
        picture = heat_map(drawn, what, largest=largest, span=span, said=said or spread_said(span))
        title = f"{what[0].upper()}{what[1:]} by {drawn.x} and {drawn.y}" + (
            f", {drawn.rest}" if drawn.rest else ""
        )
        charts.append(Chart(title, picture, f"Stronger colour is {'more' if largest else 'less'}."))
    return charts


def _mark(why: str) -> str:
    """What stands beside a cross: one word for what has one."""
    return next((word for word in ("diverged", "stopped") if why.startswith(word)), why)


def _metric(pick: JobView) -> str:
    metric = label(str(pick.result.get("metric", "score")))
    return "held-out loss" if metric == "eval_loss" else metric


def grid_of(pick: JobView, runs: Runs, values: dict[str, dict[str, Any]]) -> Grid | None:
    keys = list(dict.fromkeys(key for v in values.values() for key in v))
    table = {str(row.get("job")): row for row in objects(pick.result.get("table"))}
    rows = []
    for view in runs.views:
        seconds, result = runs.seconds[view.id], runs.results[view.id]
        row, own = table.get(view.id, {}), values.get(view.id, {})
        note = view.state if view.state != "done" else str(row.get("why") or words_of(result))
        pace = number(result.get("tokens_per_second"))
        rows.append(
            GridRow(
                values=tuple(setting(own[k]) if k in own else "–" for k in keys),
                score=decimal(number(row.get("score"))),
                train_loss=decimal(number(result.get("train_loss"))),
                eval_loss=decimal(number(result.get("eval_loss"))),
                pace="–" if pace is None else count(pace),
                seconds="–" if seconds is None else duration(seconds),
                winner=view.id == pick.result.get("winner"),
                note=label(note),
            )
        )
    notes = pick.result.get("notes")
    said = tuple(label(str(n)) for n in notes) if isinstance(notes, list) else ()
    return Grid(tuple(label(k).rpartition(".")[2] for k in keys), _metric(pick), tuple(rows), said)
