"""What rules about training ask: each run beside the job it became, its GPU, and how long it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from smolc.compiler.diagnostics import Edit, Span
from smolc.compiler.lint.context import Context, first
from smolc.compiler.lint.rule import Finding
from smolc.compiler.model.base import Noun
from smolc.compiler.model.recipe import Recipe
from smolc.compiler.model.schedules import Wsd
from smolc.compiler.model.stage import Stage
from smolc.compiler.model.start import Model
from smolc.compiler.plan.cluster import GPUS
from smolc.compiler.plan.templates import model_of
from smolc.compiler.plan.types import Cluster

HERE = "local"
"""The plan's cluster where neither the recipe nor `--on` names one: nothing is known of its devices."""

BEFORE_AMPERE = frozenset({"t4", "v100", "p100", "rtx2080", "rtx2080ti"})
"""GPUs without bf16 and without FlashAttention 2."""

TRY_OUT = 50
"""Steps of a run that is not meant to train anything."""

AN = frozenset("AEFHILMNORSX")
"""Letters whose names begin with a vowel."""


@dataclass(frozen=True, slots=True)
class Training:
    """One run of a stage as it is planned. body: its job.yaml. model: the start model that it goes back to."""

    name: str
    stage: Stage
    body: dict[str, Any]
    model: Model
    cluster: Cluster

    @property
    def on_gpus(self) -> bool:
        """Whether it is known to run on GPUs, and with how much memory."""
        return self.cluster.device == "cuda"


def each_run(context: Context) -> tuple[tuple[str, Stage], ...]:
    """The name of each stage with each point of its grid, or itself."""
    return context.remember(
        "each run", lambda: tuple((n, r) for n in context.recipe.stages for r in context.runs(n))
    )


def trainings(context: Context) -> tuple[Training, ...]:
    """Every planned training run; none where there is no plan."""
    return context.remember("trainings", lambda: tuple(_trainings(context)))


def _trainings(context: Context) -> Iterator[Training]:
    if context.plan is None:
        return
    recipe = context.recipe
    runs = {name: iter(found) for name, found in recipe.runs.items()}
    for job in context.plan.jobs:
        run = next(runs[job.stage], None) if job.ends_run and job.stage is not None else None
        if run is not None:
            model = recipe.models[model_of(run.stage, recipe)]
            yield Training(job.stage or "", run.stage, job.body, model, job.cluster)


def gpu_of(cluster: Cluster, recipe: Recipe) -> str | None:
    """The GPU's name as in `GPUS`, or as the recipe's cluster has it; None for CPUs and where nobody says."""
    if cluster.device != "cuda":
        return None
    declared = recipe.clusters.get(cluster.name)
    if declared is not None:
        return declared.gpu.lower()
    kind = cluster.name
    while kind not in GPUS and "x" in kind:  # 2x8xrtx4090
        kind = kind.partition("x")[2]
    return kind


def place_of_gpu(cluster: Cluster, recipe: Recipe) -> Span | None:
    """Where the recipe names the GPU; None for `--on 8xh100`."""
    declared = recipe.clusters.get(cluster.name)
    return declared.span_of("gpu") if declared is not None else None


def named(gpu: str) -> str:
    """The GPU with its article, as it is spoken: an H100, a V100."""
    return f"{'an' if gpu[:1].upper() in AN else 'a'} {gpu.upper()}"


def place(stage: Stage, key: str) -> Span | None:
    """Where a value of the stage stands, or else the stage."""
    return first(stage.span_of(key), stage.span)


def steps_of(stage: Stage) -> int | None:
    """Optimiser steps, where the recipe counts in them."""
    return int(stage.length.value) if stage.length.unit == "step" else None


def tried_out(stage: Stage) -> bool:
    """Whether a run is so short that it is there to see whether it runs: nobody will use what it trains."""
    steps = steps_of(stage)
    return steps is not None and steps <= TRY_OUT


def wsd_fits(schedule: Wsd, steps: int | None) -> bool:
    """Whether warm-up and decay are no longer than the run; parts of it are rounded to steps as training rounds them.

    A warm-up that fills the run by itself is left to the rule about that.
    """
    warmup, decay = schedule.warmup, schedule.decay
    if decay >= 1:
        return False
    if steps is None:
        return warmup.unit == "step" or warmup.value + decay <= 1 + 1e-9
    if warmup.unit == "%" and warmup.value >= 1:
        return True
    before = round(warmup.value * steps) if warmup.unit == "%" else int(warmup.value)
    return before + round(decay * steps) <= steps or before >= steps


def once(found: Iterable[Finding]) -> Iterator[Finding]:
    """One finding a place: the runs of a grid share most of their values."""
    seen: set[object] = set()
    for finding in found:
        key = finding.span or finding.message
        if key not in seen:
            seen.add(key)
            yield finding


def replace(noun: Noun, key: str, text: str) -> tuple[Edit, ...]:
    """Another value for `key`, which changes the plan; nothing where the recipe does not write the value."""
    span = noun.span_of(key)
    return (Edit(span, text),) if span is not None and noun.given(key) else ()


def without_line(span: Span | None) -> tuple[Edit, ...]:
    """Takes out the line of a value that the plan does not use; nothing if anything else stands on it."""
    if span is None:
        return ()
    text = span.source.text
    start = text.rfind("\n", 0, span.start) + 1
    end = text.find("\n", span.end)
    end = len(text) if end < 0 else end + 1
    key = text[start : span.start].strip().removesuffix("=").rstrip()
    alone = key.isidentifier() and not text[span.end : end].strip()
    return (Edit(Span(span.source, start, end), "", safe=True),) if alone else ()
