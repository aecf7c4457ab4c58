"""A plan as people read it: how much would run, the jobs in running order, then each stage's arithmetic."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from smolc.compiler.diagnostics.excerpt import Paint, plain
from smolc.compiler.diagnostics.secrets import covered
from smolc.compiler.plan.amounts import ABOUT, AT_LEAST, Amount, Amounts
from smolc.compiler.plan.defaults import PAIRED_WORDS
from smolc.compiler.plan.overview import Overview, StageView, Training
from smolc.compiler.plan.prepared import Prepared, Source, bars
from smolc.compiler.plan.state import CHANGED, DONE, FAILED, NEW, Difference, State
from smolc.compiler.plan.types import Cluster, Job

_COLORS = {NEW: "32", CHANGED: "33", FAILED: "31", DONE: "2"}
_WIDEST_ID = 32
_LONGEST = 44
_DIFFERENCES = 8
_GRID_VALUES = 12
_LATER = "known once the data is prepared"


def as_text(view: Overview, color: bool = False) -> str:
    paint = Paint(color)
    plan = view.plan
    out = [paint("1", _summary(view)), ""]
    out.append(
        _shown(
            f"{plan.recipe} on {_cluster(plan.cluster)}; plan {plan.hash[:12]}; compared with {view.folder}"
        )
    )
    if plan.about:
        out.append(_shown(plan.about))
    out += ["", *_jobs(view, paint)]
    if view.states.gone:
        gone = _some(view.states.gone, 6)
        out += ["", _shown(f"not in the recipe any more, and left as it is under out/: {gone}")]
    for stage in view.stages:
        out += ["", *_stage(stage, plan.cluster, paint)]
    return "\n".join(out) + "\n"


def _summary(view: Overview) -> str:
    done = view.count(DONE)
    total = len(view.plan.jobs)
    if not view.to_run:
        return f"Plan: nothing to run, all {total} jobs are done."
    parts = [f"{view.count(NEW)} new"] if view.count(NEW) else []
    parts += [f"{view.again} again"] if view.again else []
    parts += [f"{view.perhaps} perhaps"] if view.perhaps else []
    return f"Plan: {view.to_run} of {_plural(total, 'job')} to run ({', '.join(parts)}), {done} done."


def _cluster(cluster: Cluster) -> str:
    device = {"cuda": "GPU", "cpu": "CPU process"}.get(cluster.device, "device")
    each = _plural(
        cluster.processes, device, "GPUs" if device == "GPU" else f"{device}es" if device[0] == "C" else ""
    )
    nodes = "" if cluster.nodes == 1 else f"{cluster.nodes} nodes x "
    beside = f", {cluster.parallel_jobs} jobs at once" if cluster.parallel_jobs > 1 else ""
    return f"{cluster.name} ({nodes}{each}{beside})"


# --- the jobs


def _jobs(view: Overview, paint: Paint) -> Iterator[str]:
    jobs = view.plan.jobs
    width = min(max(len(job.id) for job in jobs), _WIDEST_ID)
    for job in jobs:
        state = view.state(job)
        needs = f"  <- {_some(job.needs, 4)}" if job.needs else ""
        line = _shown(f"{state.mark} {job.id:<{width}}  {job.hash[:8]}  {_what(job)}{needs}")
        yield paint(_COLORS[state.kind], line)
        for why in _why(state):
            yield f"      {_shown(why)}"


def _what(job: Job) -> str:
    """The title, without the stage's name that the id says already."""
    title = job.title.removeprefix(f"{job.stage}: ") if job.stage else job.title
    return _cut(title, 70)


def _why(state: State) -> Iterator[str]:
    if state.kind == NEW:
        yield from state.why
        return
    if state.kind == DONE:
        yield from (f"done: nothing that runs needs it, but {why}" for why in state.why)
        return
    if state.perhaps:
        yield f"done: runs again only if it has to, because {'; '.join(state.why)}"
        return
    yield f"{'failed' if state.kind == FAILED else 'changed'}: runs again" + (
        f", because {'; '.join(state.why)}" if state.why else ", because"
    )
    for difference in state.differences[:_DIFFERENCES]:
        yield f"  {_difference(difference)}"
    if len(state.differences) > _DIFFERENCES:
        yield f"  ... and {len(state.differences) - _DIFFERENCES} more values"


def _difference(found: Difference) -> str:
    return f"{found.key}  {_value(found.before)} -> {_value(found.after)}"


def _value(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _rate(value)
    if isinstance(value, int):
        return f"{value:,}" if abs(value) < 10**30 else "a huge number"
    if isinstance(value, (list, tuple)):
        if any(isinstance(item, (list, tuple, dict)) for item in value):
            return _plural(len(value), "entry", "entries")
        return _cut(f"[{', '.join(_value(item) for item in value[:8])}{', ...' if len(value) > 8 else ''}]")
    if isinstance(value, dict):
        kind = value.get("type")
        return _cut(kind) if isinstance(kind, str) else _plural(len(value), "value")
    return _cut(str(value))


# --- the stages


def _stage(stage: StageView, cluster: Cluster, paint: Paint) -> Iterator[str]:
    yield paint("1", _shown(f"stage {stage.name}: {stage.method} from {stage.init}, on {stage.data}"))
    rows: list[tuple[str, str]] = []
    if stage.pick:
        values = "; ".join(f"{path} = {_some(v, _GRID_VALUES)}" for path, v in stage.grid.items())
        rows.append(("grid", f"{_plural(len(stage.runs), 'run')}, best by {stage.pick}: {values}"))
    # Runs that differ in a learning rate alone have one batch and one length between them.
    rows += _same_or_each("batch", stage.runs, lambda run: _batch(run.amounts, run.job))
    rows += _same_or_each("steps", stage.runs, lambda run: _steps(run.amounts, run.job))
    varied = len({run.job.body["optimizer"]["lr"] for run in stage.runs}) > 1
    rows += _same_or_each("how", stage.runs, lambda run: _how(run.job, varied, cluster))
    for one in dict.fromkeys(run.amounts.prepared for run in stage.runs if run.amounts.prepared is not None):
        rows += _prepared(one)
    if stage.memory is not None:
        said = f"{_size(stage.memory)} of weights, gradients and optimiser, if unsharded, without activations"
        rows.append(("memory", f"{said}; {_count(stage.parameters or 0)} parameters by its name or shape"))
    for name, text in rows:
        yield f"    {name:<9} {_shown(text)}"


def _prepared(counted: Prepared) -> Iterator[tuple[str, str]]:
    packed = f" in {_plural(counted.bins, 'packed row')}" if counted.bins != counted.rows else ""
    full = f", {counted.fill:.2%} full" if counted.fill is not None else ""
    yield "prepared", f"{_plural(counted.rows, 'example')}{packed}{full}, {counted.tokens:,} tokens"
    if (lengths := counted.lengths) is not None:
        half, most, nearly, longest = lengths.quantiles
        said = f"{lengths.edges[0]:,} {bars(lengths, counted.length)} {lengths.edges[-1]:,} tokens; "
        said += f"p50 {half:,}, p90 {most:,}, p99 {nearly:,}, longest {longest:,}"
        if counted.length is not None:
            said += f"; {lengths.over:,} over the length of {counted.length:,}"
        yield "lengths", said
    if len(counted.sources) > 1:
        largest = sorted(counted.sources, key=lambda source: -source.realised)
        yield "shares", _some([_share(source) for source in largest], 6)


def _share(source: Source) -> str:
    asked = f" ({source.declared:.2%} asked)" if source.declared is not None else ""
    return f"{_cut(source.name, 24)} {source.realised:.2%}{asked}"


def _same_or_each(name: str, runs: Sequence[Training], say: Any) -> Iterator[tuple[str, str]]:
    texts = [say(run) for run in runs]
    if len(set(texts)) == 1:
        yield name, texts[0]
        return
    for number, (run, text) in enumerate(zip(runs[:_GRID_VALUES], texts, strict=False)):
        values = ", ".join(run.values.values())
        yield (name if number == 0 else "", f"{values}: {text}")
    if len(runs) > _GRID_VALUES:
        yield "", f"... and {len(runs) - _GRID_VALUES} more runs; --json has them all"


def _batch(amount: Amounts, job: Job) -> str:
    paired = job.body["method"] in PAIRED_WORDS
    unit = "pair" if paired else "row" if amount.packed else "sequence"
    devices = _plural(amount.data_parallel, "device")
    if job.sharers > 1:
        devices = f"{_plural(amount.data_parallel, 'group')} of {job.sharers} devices"
    split = f"{amount.micro} micro x {amount.accumulation} accumulated x {devices}"
    up_to = "" if amount.packed and not amount.fitted else "up to "
    return (
        f"{_plural(amount.sequences, unit)} a step = {split}; {up_to}{amount.tokens_per_step:,} tokens a step"
    )


def _steps(amount: Amounts, job: Job) -> str:
    if amount.steps is None:
        epochs = job.body["duration"]["epochs"]
        return f"{epochs:g} epoch{'' if epochs == 1 else 's'}; the steps are {_LATER}"
    said = _amount(amount.steps)
    if amount.tokens is not None:
        sure = "" if amount.steps.sure != "exact" and amount.tokens.sure == ABOUT else _sure(amount.tokens)
        said += f", {sure}{amount.tokens.value:,} tokens"
    if amount.passes is not None:
        said += f", {amount.passes:.2f} passes over the data"
    if amount.steps.basis:
        said += f" (by {amount.steps.basis}; exactly {_LATER})"
    return said


def _amount(amount: Amount) -> str:
    return f"{_sure(amount)}{amount.value:,}"


def _sure(amount: Amount) -> str:
    return {ABOUT: "about ", AT_LEAST: "at least "}.get(amount.sure, "")


def _how(job: Job, varied: bool, cluster: Cluster) -> str:
    """varied: whether the grid names the learning rate already. cluster: the plan's."""
    body = job.body
    adapter, parallel = body["adapter"], body["parallel"]
    what = "all weights"
    if adapter["type"] != "full":
        what = f"{adapter['type']} of rank {adapter['rank']}"
    spread = job.spread
    if parallel.get("offload", "none") != "none":
        spread += f" (offloads {parallel['offload']})"
    if body["batch"]["data_parallel"] == 1 and parallel["type"] == "ddp":
        spread = "one process"
    again = ", recomputes activations" if body["checkpointing"] else ""
    optimizer = body["optimizer"]
    rate = "" if varied else f" at {_rate(optimizer['lr'])}"
    where = "" if job.cluster == cluster else f"; on {_cluster(job.cluster)}"
    said = f"{what}, {body['precision']}, {spread}{again}"
    return f"{said}; {optimizer['type']}{rate}, {body['schedule']['type']}{where}"


# --- words


def _shown(text: str) -> str:
    """What comes from a recipe or a folder, safe for a terminal and for a log."""
    return plain(covered(text))


def _cut(text: str, most: int = _LONGEST) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _some(names: Sequence[str], most: int) -> str:
    said = ", ".join(_cut(name) for name in names[:most])
    return f"{said} and {len(names) - most} more" if len(names) > most else said


def _plural(count: int, word: str, many: str = "") -> str:
    return f"{count:,} {word if count == 1 else many or word + 's'}"


def _rate(value: float) -> str:
    """2e-5, 0.1: as people write it."""
    digits, power = f"{value:e}".split("e")
    return f"{float(digits):g}e{int(power)}" if 0 < abs(value) < 1e-2 else f"{value:g}"


def _size(value: float) -> str:
    for unit, name in ((2**30, "GiB"), (2**20, "MiB")):
        if value >= unit:
            return f"{value / unit:,.1f} {name}"
    return f"{value / 2**10:,.1f} KiB"


def _count(value: float) -> str:
    for unit, name in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if value >= unit:
            return f"{value / unit:.3g}{name}"
    return f"{value:.0f}"
