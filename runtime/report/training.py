"""Training runs by stage: curves, the grid, and what they were set to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from smolc.runtime.jobs.evaluate import PickJob
from smolc.runtime.jobs.prepare import PAIRED
from smolc.runtime.jobs.train import (
    CpoLoss,
    Ddp,
    DpoLoss,
    Fsdp2,
    KtoLoss,
    Lora,
    OrpoLoss,
    SimpoLoss,
    TrainJob,
    Zero,
)
from smolc.runtime.report.charts import Point, Series, line_chart
from smolc.runtime.report.collect import JobView, Run, short_names
from smolc.runtime.report.grid import Chart, Grid, Runs, grid_maps_of, grid_of, grid_plot_of, runs_of
from smolc.runtime.report.health import PER_TOKEN, Health, health_of, log_probabilities
from smolc.runtime.report.outputs import number
from smolc.runtime.report.text import count, decimal, duration, label, percent, setting

# Curves that only preference methods log: (key, what it is, axis).
PREFERENCE = (
    ("rewards/accuracies", "chosen preferred", "share of pairs"),
    ("rewards/margins", "reward margin", "chosen − rejected"),
)


@dataclass(frozen=True)
class Training:
    stage: str
    title: str
    facts: tuple[tuple[str, str], ...]
    settings: tuple[tuple[str, str], ...]
    charts: tuple[Chart, ...]
    grid: Grid | None
    health: Health | None
    missing: tuple[str, ...]


def trainings(run: Run) -> list[Training]:
    stages: dict[str, list[JobView]] = {}
    for view in run.of_kind("train"):
        stages.setdefault(view.entry.stage or view.id, []).append(view)
    return [_training(run, stage, views) for stage, views in stages.items()]


def _training(run: Run, stage: str, jobs: list[JobView]) -> Training:
    runs = runs_of(run, jobs)
    views = list(runs.views)
    ids = {v.id for v in views}
    pick = next(
        (
            p
            for p in run.of_kind("pick")
            if isinstance(p.job, PickJob) and any(c.job in ids for c in p.job.candidates)
        ),
        None,
    )
    values = {c.job: dict(c.values) for c in pick.job.candidates} if pick else {}
    names = {
        v.id: short_names(values[v.id]) if values.get(v.id) else label(v.entry.stage or v.id) for v in views
    }
    names |= {id: f"{names[id]}, {word}" for id, word in runs.lost.items()}
    winner = str(pick.result.get("winner")) if pick and pick.result else None
    best = next((v for v in views if v.id == winner), views[0] if len(views) == 1 else None)
    if winner in names:
        names[winner] += ", winner"
    grid = grid_of(pick, runs, values) if pick else None
    shown = best or views[0]
    return Training(
        stage=label(stage),
        title=label(shown.entry.title if len(views) == 1 else stage),
        facts=tuple(facts_of(runs.results[best.id])) if best else (),
        settings=tuple(
            settings_of(shown, set(values.get(shown.id, {})) if grid else set(), best is not None)
        ),
        charts=tuple(_charts(runs, names, winner, pick, values)),
        grid=grid,
        health=health_of(runs.results[best.id]) if best else None,
        missing=tuple(f"{v.id}: {v.state}" for v in jobs if v.state != "done"),
    )


def facts_of(result: dict[str, Any]) -> list[tuple[str, str]]:
    """The numbers that a reader looks for first."""
    facts = []
    first, last = number(result.get("first_loss")), number(result.get("train_loss"))
    if last is not None:
        facts.append(("loss", f"{decimal(first)} → {decimal(last)}" if first is not None else decimal(last)))
    if (held_out := number(result.get("eval_loss"))) is not None:
        facts.append(("held-out loss", decimal(held_out)))
    for key, name, how in (
        ("steps", "steps", count),
        ("tokens", "tokens", count),
        ("tokens_per_second", "tokens per second", count),
        ("seconds", "time", duration),
        ("peak_memory_gib", "peak memory", lambda gib: f"{gib:.3g} GiB"),
    ):
        if (value := number(result.get(key))) is not None:
            facts.append((name, how(value)))
    return facts


def kernels(result: dict[str, Any]) -> str:
    """Of the layers, and whether a micro batch is a CUDA graph."""
    name = result.get("kernels")
    said = f", {label(name)}" if isinstance(name, str) and name != "plain" else ""
    return said + (", as a CUDA graph" if result.get("graph") is True else "")


def settings_of(view: JobView, varied: set[str], winner_known: bool) -> list[tuple[str, str]]:
    """What a run was set to, by name. varied: keys that a grid tries; winner_known: whether it came to an end."""
    job = view.job
    if not isinstance(job, TrainJob):
        return []
    optimizer, schedule = job.optimizer, job.schedule
    lr = setting(optimizer.lr)
    if any(key.rpartition(".")[2] == "lr" for key in varied):
        lr = f"{lr} (the winner's)" if winner_known else "varied"
    regular = f"weight decay {setting(optimizer.weight_decay)}, clip {setting(optimizer.clip)}"
    warmup = percent(schedule.warmup, 0) if schedule.warmup < 1 else f"{count(schedule.warmup)} steps"
    settings = [
        ("method", _method(job)),
        ("learning rate", f"{lr}, {schedule.type}, {warmup} warm-up"),
        ("batch", _batch(job, view.result)),
        ("duration", _duration(job)),
        ("length", f"{count(job.length)} tokens, packing {job.packing.replace('_', ' ')}"),
        ("optimiser", f"{optimizer.type}, {regular}"),
        ("trained", _adapter(job)),
        ("precision", job.precision.replace("_", " ")),
        ("parallel", _parallel(job, view.result)),
    ]
    if attention := view.result.get("attention"):
        settings.append(("attention", label(str(attention)) + kernels(view.result)))
    total, trained = number(view.result.get("parameters")), number(view.result.get("trainable_parameters"))
    if total:
        some = f", {count(trained)} of them trained" if trained is not None and trained != total else ""
        settings.append(("parameters", count(total) + some))
    return settings


def _batch(job: TrainJob, result: dict[str, Any]) -> str:
    """As it was divided: what was measured on the GPU may have divided it otherwise than planned."""
    planned, used = job.batch, result.get("batch")
    used = used if isinstance(used, dict) else {}
    micro = number(used.get("micro")) or planned.micro
    accumulation = number(used.get("accumulation")) or planned.accumulation
    unit = "pairs" if job.method in PAIRED else "sequences"
    said = f"{planned.global_sequences} {unit} = {micro:g} micro × {accumulation:g} accumulated"
    said += f" × {planned.data_parallel} data-parallel"
    tried = result.get("probe")
    return said + (f"; the fastest of {len(tried)} tried" if isinstance(tried, list) and tried else "")


def _method(job: TrainJob) -> str:
    loss = job.loss
    if isinstance(loss, DpoLoss):
        return f"dpo, loss {' + '.join(loss.loss)}, beta {setting(loss.beta)}{_options(loss)}"
    if isinstance(loss, CpoLoss):
        return f"cpo, loss {loss.loss}, beta {setting(loss.beta)}, alpha {setting(loss.alpha)}"
    if isinstance(loss, SimpoLoss):
        return f"simpo, beta {setting(loss.beta)}, gamma {setting(loss.gamma)}"
    if isinstance(loss, KtoLoss) and loss.loss != "kto":
        return f"kto, loss {loss.loss}, beta {setting(loss.beta)}"
    if isinstance(loss, (OrpoLoss, KtoLoss)):
        return f"{job.method}, beta {setting(loss.beta)}"
    return job.method


def _options(loss: DpoLoss) -> str:
    """Those of DPO that are not at their default."""
    said = f", ld_alpha {setting(loss.ld_alpha)}" if loss.ld_alpha is not None else ""
    if loss.divergence != "reverse_kl":
        said += f", divergence {loss.divergence}"
    if loss.divergence_alpha is not None:
        said += f" {setting(loss.divergence_alpha)}"
    return said + (", wpo" if loss.wpo else "")


def _duration(job: TrainJob) -> str:
    length = job.duration
    if length.epochs is not None:
        return f"{length.epochs:g} epoch{'' if length.epochs == 1 else 's'}"
    return (
        f"{count(length.steps)} steps" if length.steps is not None else f"{count(length.tokens or 0)} tokens"
    )


def _adapter(job: TrainJob) -> str:
    if isinstance(job.adapter, Lora):
        return f"{job.adapter.type}, rank {job.adapter.rank}, alpha {setting(job.adapter.alpha)}"
    return "all weights"


def _parallel(job: TrainJob, result: dict[str, Any]) -> str:
    """What was asked for, and what was built when that says more."""
    asked = job.parallel
    if isinstance(asked, Zero):
        said = f"ZeRO-{asked.stage}" + ("" if asked.offload == "none" else f", {asked.offload} offloaded")
    else:
        said = {Ddp: "DDP", Fsdp2: "FSDP2"}[type(asked)]
    world = number(result.get("world_size"))
    if world == 1:
        return "one process"
    return said + (f" on {count(world)} processes" if world else "")


def _charts(
    runs: Runs,
    names: dict[str, str],
    winner: str | None,
    pick: JobView | None,
    values: dict[str, dict[str, Any]],
) -> list[Chart]:
    charts = []
    loss = _series(runs, names, "loss", "eval_loss", winner)
    if loss:
        ys = [y for s in loss for _, y in s.points]
        # A run that exploded would press the others flat.
        steep = min(ys) > 0 and max(ys) / min(ys) > (8 if "diverged" in runs.lost.values() else 30)
        notes = ["Dots: held-out loss."] if any(s.dots for s in loss) else []
        notes += ["Crosses: where a run was stopped."] if runs.lost else []
        charts.append(
            Chart(
                "Loss" + (" (log scale)" if steep else ""),
                line_chart(loss, "step", "loss", log_y=steep, about=_in_words(loss)),
                " ".join(notes),
            )
        )
    if pick:
        charts += [c for c in (grid_plot_of(pick, values),) if c] + grid_maps_of(pick, runs, values)
    for key, title, axis in PREFERENCE:
        series = _series(runs, names, key, f"eval_{key}", winner)
        if series:
            note = "Dots: held-out pairs." if any(s.dots for s in series) else ""
            charts.append(Chart(title.capitalize(), line_chart(series, "step", axis), note))
    return charts + _log_probabilities(runs, names, winner)


def _log_probabilities(runs: Runs, names: dict[str, str], winner: str | None) -> list[Chart]:
    """Of chosen and rejected answers; of several runs, of the chosen ones, which should not fall."""
    title, axis = "Log-probability of held-out {} answers", "nats a token"
    if len(runs.views) == 1:
        (view,) = runs.views
        series, note = log_probabilities(runs.curves[view.id], runs.results[view.id])
        return (
            [Chart(title.format("chosen and rejected"), line_chart(series, "step", axis), note)]
            if series
            else []
        )
    series = _series(runs, names, PER_TOKEN.format("chosen"), "", winner)
    return [Chart(title.format("chosen"), line_chart(series, "step", axis))] if series else []


def _in_words(series: list[Series]) -> str:
    """The loss curves, for who does not see them."""
    said = (
        f"{s.name}: {decimal(s.points[0][1])} to {decimal(s.points[-1][1])} at step {s.points[-1][0]:.0f}"
        for s in series
        if not s.dots
    )
    return f"Loss over steps. {'; '.join(said)}"


def _series(runs: Runs, names: dict[str, str], key: str, held_out: str, winner: str | None) -> list[Series]:
    series = []
    for colour, view in enumerate(runs.views):
        for name, dots in ((key, False), (held_out, True)):
            points = _points(runs.curves[view.id], name)
            if points:
                strong, lost = view.id == winner, view.id in runs.lost
                series.append(Series(names[view.id], points, colour, dots=dots, strong=strong, lost=lost))
    return series


def _points(rows: list[dict[str, Any]], key: str) -> list[Point]:
    found = ((number(row.get("step")), number(row.get(key))) for row in rows)
    return [(x, y) for x, y in found if x is not None and y is not None]
