"""All that `smolc plan` has to say, before it is put into words: stages, grids, amounts, and what would run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from smolc.compiler.model.recipe import Recipe
from smolc.compiler.plan import prepared, templates
from smolc.compiler.plan.amounts import Amounts, amounts
from smolc.compiler.plan.size import parameters, training_bytes
from smolc.compiler.plan.state import DONE, NEW, Folder, State, states
from smolc.compiler.plan.types import Job, Plan


@dataclass(frozen=True)
class Training:
    """One training job with its amounts. values: what sets a grid's run apart."""

    job: Job
    amounts: Amounts
    values: dict[str, str]


@dataclass(frozen=True)
class StageView:
    """A stage and its runs.

    grid: the values of each path that its sweep varies, as written. pick: `min(eval_loss)`, "" without a sweep.
    parameters: of the model, if its size is known. memory: bytes of weights, gradients and optimiser on one device if
    nothing is sharded, without activations.
    """

    name: str
    init: str
    data: str
    method: str
    runs: tuple[Training, ...]
    grid: dict[str, tuple[str, ...]]
    pick: str
    parameters: float | None
    memory: float | None


@dataclass(frozen=True)
class Overview:
    """folder: the compiled folder that the plan was compared with, as the user calls it."""

    plan: Plan
    folder: str
    states: Folder
    stages: tuple[StageView, ...] = field(default=())

    def state(self, job: Job) -> State:
        return self.states.jobs[job.id]

    def count(self, *kinds: str) -> int:
        return sum(state.kind in kinds for state in self.states.jobs.values())

    @property
    def to_run(self) -> int:
        return len(self.plan.jobs) - self.count(DONE)

    @property
    def again(self) -> int:
        """Jobs that ran once, and would run again."""
        return self.to_run - self.count(NEW) - self.perhaps

    @property
    def perhaps(self) -> int:
        """Jobs that are done, unless jobs before them decide otherwise than they did."""
        return sum(state.perhaps for state in self.states.jobs.values())


def overview(plan: Plan, recipe: Recipe, folder: Path, root: Path) -> Overview:
    """Reads what `folder` holds; writes nothing. root: the recipe's folder."""
    found = states(plan, folder, root)
    return Overview(plan, str(folder), found, tuple(_stages(plan, recipe, folder, found)))


def _stages(plan: Plan, recipe: Recipe, folder: Path, found: Folder) -> Iterator[StageView]:
    jobs = {job.id: job for job in plan.jobs}
    trained: dict[str, list[Job]] = {}
    for job in plan.jobs:
        if job.ends_run and job.stage is not None:
            trained.setdefault(job.stage, []).append(job)
    for name, runs in trained.items():
        stage = recipe.stages[name]
        values = [run.written for run in recipe.runs[name]]
        made = []
        for job, written in zip(runs, values, strict=True):
            data = jobs[job.body["data"]]
            counted = prepared.prepared(folder, data.id) if found.jobs[data.id].kind == DONE else None
            made.append(Training(job, amounts(job, data, counted), dict(written)))
        grid: dict[str, tuple[str, ...]] = {}
        for path in values[0]:
            grid[path] = tuple(dict.fromkeys(written[path] for written in values))
        pick = stage.sweep.pick if stage.sweep else None
        model = recipe.models[templates.model_of(stage, recipe)]
        yield StageView(
            name,
            str(stage.init),
            stage.data.name,
            stage.method.word,
            tuple(made),
            grid,
            f"{pick.word}({pick.metric.name})" if pick else "",
            parameters(model),
            training_bytes(model, stage),
        )


def as_json(view: Overview) -> dict[str, Any]:
    """For programs. Keys are only added, never renamed:

    recipe, about, hash (of the plan), folder, built (hash of what was built there last, or null);
    cluster: name, device, nodes, processes, parallel_jobs; summary: jobs, new, again, perhaps, done; gone: ids;
    jobs: id, kind, title, stage, needs, hash, state (new, changed, failed, done), why, perhaps (it runs only if a job before
    it decides otherwise than it did), differences (key, before, after), seconds, and for training jobs `training`:
    values, method, adapter, precision, parallel, learning_rate, batch (global_sequences, micro, accumulation,
    data_parallel, length, packed, fitted (the length is a limit), tokens_per_step), steps and tokens (value, sure,
    basis; null if only the prepared data can say), passes, prepared (null before: rows, bins,
    tokens, length, fill; lengths: p50, p90, p99, p100, counts, edges, over; sources: name, declared, realised, epochs;
    null where stats.json does not say);
    stages: name, init, data, method, runs (ids), grid, pick, parameters, memory_bytes.
    """
    plan, cluster = view.plan, view.plan.cluster
    runs = {run.job.id: run for stage in view.stages for run in stage.runs}
    return {
        "recipe": plan.recipe,
        "about": plan.about,
        "hash": plan.hash,
        "folder": view.folder,
        "built": view.states.built,
        "cluster": {
            "name": cluster.name,
            "device": cluster.device,
            "nodes": cluster.nodes,
            "processes": cluster.processes,
            "parallel_jobs": cluster.parallel_jobs,
        },
        "summary": {
            "jobs": len(plan.jobs),
            "new": view.count(NEW),
            "again": view.again,
            "perhaps": view.perhaps,
            "done": view.count(DONE),
        },
        "gone": list(view.states.gone),
        "jobs": [_job(view, job, runs.get(job.id)) for job in plan.jobs],
        "stages": [
            {
                "name": stage.name,
                "init": stage.init,
                "data": stage.data,
                "method": stage.method,
                "runs": [run.job.id for run in stage.runs],
                "grid": {path: list(values) for path, values in stage.grid.items()},
                "pick": stage.pick or None,
                "parameters": stage.parameters,
                "memory_bytes": stage.memory,
            }
            for stage in view.stages
        ],
    }


def _job(view: Overview, job: Job, run: Training | None) -> dict[str, Any]:
    state = view.state(job)
    said: dict[str, Any] = {
        "id": job.id,
        "kind": job.kind,
        "title": job.title,
        "stage": job.stage,
        "needs": list(job.needs),
        "hash": job.hash,
        "state": state.kind,
        "why": list(state.why),
        "perhaps": state.perhaps,
        "differences": [{"key": d.key, "before": d.before, "after": d.after} for d in state.differences],
        "seconds": state.seconds,
    }
    if run is not None:
        said["training"] = _training(run)
    return said


def _training(run: Training) -> dict[str, Any]:
    body, amount = run.job.body, run.amounts
    sure = {
        name: {"value": one.value, "sure": one.sure, "basis": one.basis or None} if one else None
        for name, one in (("steps", amount.steps), ("tokens", amount.tokens))
    }
    counted = amount.prepared
    return {
        "values": run.values,
        "method": body["method"],
        "adapter": body["adapter"],
        "precision": body["precision"],
        "parallel": body["parallel"],
        "learning_rate": body["optimizer"]["lr"],
        "batch": {
            "global_sequences": amount.sequences,
            "micro": amount.micro,
            "accumulation": amount.accumulation,
            "data_parallel": amount.data_parallel,
            "length": amount.length,
            "packed": amount.packed,
            "fitted": amount.fitted,
            "tokens_per_step": amount.tokens_per_step,
        },
        **sure,
        "passes": amount.passes,
        "prepared": prepared.as_json(counted) if counted else None,
    }
