"""What follows from the changes, computed from both plans: batch, tokens, steps, memory, runs, and what runs again."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from smolc.compiler.compare.leaves import Block
from smolc.compiler.compare.side import Side
from smolc.compiler.plan import templates
from smolc.compiler.plan.amounts import tokens_per_step
from smolc.compiler.plan.size import training_bytes
from smolc.compiler.plan.types import Job, Plan, digest


@dataclass(frozen=True)
class Fact:
    """One number or word of a stage's runs, on both sides; several values where a grid varies it. note: in words."""

    name: str
    before: tuple[Any, ...]
    after: tuple[Any, ...]
    note: str = ""


@dataclass(frozen=True)
class Jobs:
    """Ids of jobs. again: those of both plans that are made from something else now, and so must run again. perhaps: those
    that must only if a grid has another winner now."""

    again: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    perhaps: tuple[str, ...] = ()


@dataclass(frozen=True)
class Follows:
    """stages: what changes in the stages of both recipes."""

    jobs: Jobs
    stages: dict[str, list[Fact]] = field(default_factory=dict)


def follows(before: Side | None, after: Side | None, names: dict[Block, str]) -> Follows:
    jobs = _jobs(before.plan if before else None, after.plan if after else None, names)
    if before is None or after is None:
        return Follows(jobs)
    stages = {}
    for label in before.recipe.stages:
        new = names.get(("stage", label), label)
        if new in after.recipe.stages:
            facts = list(_facts(before, label, after, new))
            if facts:
                stages[new] = facts
    return Follows(jobs, stages)


def _jobs(before: Plan | None, after: Plan | None, names: dict[Block, str]) -> Jobs:
    """Jobs that ran before a block was renamed are known by their new names."""
    old = {_new_id(job, names): job.hash for job in before.jobs} if before else {}
    new = {job.id: job.hash for job in after.jobs} if after else {}
    both = [id for id in new if id in old]
    again = {id for id in both if old[id] != new[id]}
    fresh = {id for id in new if id not in old}
    perhaps: set[str] = set()
    for job in after.jobs if after else ():
        if job.id in again or job.id in fresh:
            # One that only decides leaves the hashes of those after it as they are; it may decide as before if one
            # among which it decides is left.
            if job.passes is not None and any(n not in again and n not in fresh for n in job.needs):
                perhaps.add(job.id)
        elif any(n in perhaps for n in job.needs):
            perhaps.add(job.id)
        elif any(n in again or n in fresh for n in job.needs):
            again.add(job.id)
    return Jobs(
        again=tuple(id for id in both if id in again),
        added=tuple(id for id in new if id not in old),
        removed=tuple(id for id in old if id not in new),
        kept=tuple(id for id in both if id not in again and id not in perhaps),
        perhaps=tuple(id for id in both if id in perhaps and id not in again),
    )


def _new_id(job: Job, names: dict[Block, str]) -> str:
    label = job.stage or job.id
    kinds = ("model",) if job.kind == "model" else ("stage", "merge", "generate", "pairs", "eval")
    for kind in kinds:
        if (kind, label) in names:
            return names[kind, label] + job.id[len(label) :]
    return job.id


def _facts(before: Side, old: str, after: Side, new: str) -> Iterator[Fact]:
    sides = ((before, old), (after, new))
    runs = [[j for j in s.plan.jobs if j.ends_run and j.stage == label] for s, label in sides]
    if len(runs[0]) != len(runs[1]):
        yield Fact("runs", (len(runs[0]),), (len(runs[1]),))
    packed = all(_packed(job) for jobs in runs for job in jobs)
    data = [_data(side, label) for side, label in sides]
    fitted = any(one["fitted"] is not None for one in data)
    for name, read in _READ.items():
        values = [tuple(dict.fromkeys(read(job) for job in jobs)) for jobs in runs]
        # A grid over learning rates says them itself.
        listed = name == "learning rate" and max(map(len, values)) > 1
        if values[0] != values[1] and not listed:
            note = ""
            if name == "tokens per step" and (fitted or not packed):
                note = f"at most: {'the length is fitted to the data' if packed else 'rows are not packed'}"
            yield Fact(name, values[0], values[1], note)
    yield from _steps(runs, data)
    memory = [_memory(side, label) for side, label in sides]
    if memory[0] != memory[1] and None not in memory:
        note = "weights, gradients and optimiser, unsharded, without activations"
        yield Fact("memory", (memory[0],), (memory[1],), note)


def _packed(job: Job) -> bool:
    return bool(job.body["packing"] != "none")


_READ: dict[str, Callable[[Job], Any]] = {
    "global batch": lambda job: job.body["batch"]["global_sequences"],
    "tokens per step": lambda job: tokens_per_step(job.body),
    "devices": lambda job: job.body["batch"]["data_parallel"] * job.sharers,
    "micro batch": lambda job: job.body["batch"]["micro"],
    "accumulation": lambda job: job.body["batch"]["accumulation"],
    "learning rate": lambda job: job.body["optimizer"]["lr"],
    "parallel": lambda job: job.spread,
    "checkpointing": lambda job: job.body["checkpointing"],
}


def _steps(runs: list[list[Job]], data: list[dict[str, Any]]) -> Iterator[Fact]:
    """Steps where the length says them; their ratio where only the data could."""
    counts = [
        tuple(dict.fromkeys(_count(job, one["fitted"] is not None) for job in jobs))
        for jobs, one in zip(runs, data, strict=True)
    ]
    if all(None not in count for count in counts):
        if counts[0] != counts[1]:
            yield Fact("steps", counts[0], counts[1])
        return
    rates = [{_rate(job) for job in jobs} for jobs in runs]
    packed = {_packed(job) for jobs in runs for job in jobs}
    refitted = data[0]["fitted"] != data[1]["fitted"]
    if refitted or any(len(one) != 1 or None in one for one in rates) or len(packed) != 1:
        if refitted or rates[0] != rates[1] or len(packed) != 1:
            yield Fact("steps", (), (), "the steps change; by how much depends on the data")
        return
    was, now = (one.pop() for one in rates)
    assert was is not None and now is not None
    if any(data[0][key] != data[1][key] for key in _ROWS):
        yield Fact("steps", (), (), "the steps follow from the data, which changed")
    elif was != now:
        # What is held out and how long a rendered row is move it a little.
        about = "" if data[0] == data[1] else "about "
        yield Fact("steps", (), (), f"{about}{ratio(now / was)} steps")
    elif len({job.body["duration"]["epochs"] for jobs in runs for job in jobs}) > 1:
        yield Fact("steps", (), (), "as many steps as before")


def _count(job: Job, fitted: bool) -> int | None:
    duration = job.body["duration"]
    if duration["steps"] is not None:
        return int(duration["steps"])
    if duration["tokens"] is not None and _packed(job) and not fitted:
        return max(1, math.ceil(int(duration["tokens"]) / tokens_per_step(job.body)))
    return None


def _rate(job: Job) -> Fraction | None:
    """Steps up to a factor that the data decides: passes over it / what one step takes of it."""
    epochs = job.body["duration"]["epochs"]
    if epochs is None:
        return None
    sequences = job.body["batch"]["global_sequences"]
    return Fraction(epochs) / (tokens_per_step(job.body) if _packed(job) else sequences)


_ROWS = ("sources", "basis", "budget_tokens", "dedup", "decontaminate")


def _data(side: Side, label: str) -> dict[str, Any]:
    """What decides how many rows there are, besides how they are packed."""
    job = next(j for j in side.plan.jobs if j.kind == "prepare" and j.stage == label)
    found = {key: job.body[key] for key in (*_ROWS, "holdout", "template", "loss_on", "roles")}
    packed = job.body["packing"] != "none"
    found["fitted"] = job.body["length"] if packed and isinstance(job.body["length"], dict) else None
    # Neither their names nor their order change how many rows there are.
    sources = [{key: value for key, value in source.items() if key != "name"} for source in found["sources"]]
    found["sources"] = sorted(sources, key=digest)
    if found["template"] is not None:
        found["template"] = {**found["template"], "file": side.plan.templates.get(found["template"]["file"])}
    return found


def ratio(of: Fraction) -> str:
    """2 -> `twice as many`, 1/2 -> `half as many`, 3/8 -> `0.38 times as many`."""
    words = {
        Fraction(1, 4): "a quarter as many",
        Fraction(1, 3): "a third as many",
        Fraction(1, 2): "half as many",
        Fraction(2): "twice as many",
    }
    if of in words:
        return words[of]
    return f"{of.numerator} times as many" if of.denominator == 1 else f"{float(of):.3g} times as many"


def _memory(side: Side, label: str) -> float | None:
    stage = side.recipe.stages[label]
    return training_bytes(side.recipe.models[templates.model_of(stage, side.recipe)], stage)
