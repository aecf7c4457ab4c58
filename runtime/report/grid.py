"""A grid of runs: its table, and score against what was varied."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from smolc.runtime.report.charts import grid_plot
from smolc.runtime.report.collect import JobView, short_names
from smolc.runtime.report.outputs import mapping, number, objects
from smolc.runtime.report.text import count, decimal, duration, label, setting


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


def grid_plot_of(pick: JobView, values: dict[str, dict[str, Any]]) -> Chart | None:
    """Score against the one number that was varied; None where that is no picture."""
    table = objects(pick.result.get("table"))
    keys = list(dict.fromkeys(key for v in values.values() for key in v))
    if len(keys) != 1 or len(table) < 2:
        return None
    points: list[tuple[float, float | None, str]] = []
    winner = None
    for row in table:
        x = number(mapping(row.get("values")).get(keys[0]))
        if x is None:
            return None
        if row.get("job") == pick.result.get("winner"):
            winner = len(points)
        score = number(row.get("score"))
        points.append(
            (x, score, short_names({keys[0]: x}) if score is not None else str(row.get("why") or "no score"))
        )
    xs = [x for x, _, _ in points]
    log = min(xs) > 0 and max(xs) / min(xs) >= 4
    name, metric = label(keys[0]).rpartition(".")[2], _metric(pick)
    title = f"{metric.capitalize()} by {'learning rate' if name == 'lr' else name}"
    return Chart(title, grid_plot(points, winner, name + (" (log scale)" if log else ""), metric, log_x=log))


def _metric(pick: JobView) -> str:
    metric = label(str(pick.result.get("metric", "score")))
    return "held-out loss" if metric == "eval_loss" else metric


def grid_of(pick: JobView, views: list[JobView], values: dict[str, dict[str, Any]]) -> Grid | None:
    keys = list(dict.fromkeys(key for v in values.values() for key in v))
    table = {str(row.get("job")): row for row in objects(pick.result.get("table"))}
    rows = []
    for view in views:
        row, own = table.get(view.id, {}), values.get(view.id, {})
        note = view.state if view.state != "done" else str(row.get("why") or "")
        pace = number(view.result.get("tokens_per_second"))
        rows.append(
            GridRow(
                values=tuple(setting(own[k]) if k in own else "–" for k in keys),
                score=decimal(number(row.get("score"))),
                train_loss=decimal(number(view.result.get("train_loss"))),
                eval_loss=decimal(number(view.result.get("eval_loss"))),
                pace="–" if pace is None else count(pace),
                seconds="–" if view.seconds is None else duration(view.seconds),
                winner=view.id == pick.result.get("winner"),
                note=label(note),
            )
        )
    notes = pick.result.get("notes")
    said = tuple(label(str(n)) for n in notes) if isinstance(notes, list) else ()
    return Grid(tuple(label(k).rpartition(".")[2] for k in keys), _metric(pick), tuple(rows), said)
