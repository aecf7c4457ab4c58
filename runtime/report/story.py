"""The run as a whole: its stages in order, its jobs, and what it ran on."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from smolc.runtime.jobs.evaluate import EvaluateJob
from smolc.runtime.jobs.train import TrainJob
from smolc.runtime.report.collect import JobView, Run
from smolc.runtime.report.outputs import mapping, number, objects
from smolc.runtime.report.text import count, decimal, duration, label

PACKAGES = (
    "torch",
    "transformers",
    "trl",
    "accelerate",
    "peft",
    "datasets",
    "deepspeed",
    "liger-kernel",
    "bitsandbytes",
    "lm-eval",
)
METHODS = {
    "cpt": "continued pretraining",
    "sft": "supervised fine-tuning",
    "dpo": "direct preference optimisation",
    "orpo": "odds-ratio preference optimisation",
    "cpo": "contrastive preference optimisation",
    "simpo": "simple preference optimisation (SimPO)",
    "kto": "Kahneman-Tversky optimisation",
}


@dataclass(frozen=True)
class StageLine:
    """part: of the longest stage's time, 0..1."""

    name: str
    what: str
    after: str
    result: str
    seconds: str
    part: float
    state: str


@dataclass(frozen=True)
class JobLine:
    id: str
    title: str
    state: str
    seconds: str
    hash: str
    log: str


@dataclass(frozen=True)
class Problem:
    """state: `failed`, `not run`, or `edited`, of which `said` names the files."""

    id: str
    state: str
    said: tuple[str, ...]


def stage_lines(run: Run) -> list[StageLine]:
    """Jobs of one stage together, stages in running order; a job of no stage stands for itself."""
    groups: dict[str, list[JobView]] = {}
    for view in run.jobs:
        groups.setdefault(view.entry.stage or view.id, []).append(view)
    times = {name: sum(v.seconds or 0.0 for v in views) for name, views in groups.items()}
    longest = max(times.values(), default=0.0) or 1.0
    return [_stage(run, name, views, times[name], longest) for name, views in groups.items()]


def _stage(run: Run, name: str, views: list[JobView], seconds: float, longest: float) -> StageLine:
    own = {v.id for v in views}
    before = [run.find(n) for v in views for n in v.entry.needs if n not in own]
    names = dict.fromkeys(b.entry.stage or b.id for b in before if b is not None)
    states = {v.state for v in views}
    state = "failed" if "failed" in states else states.pop() if len(states) == 1 else "incomplete"
    return StageLine(
        name=label(name),
        what=_what(views),
        after=", ".join(label(n) for n in names),
        result=_result(views),
        seconds=duration(seconds) if seconds else "–",
        part=seconds / longest,
        state=state,
    )


def _what(views: list[JobView]) -> str:
    runs = [v for v in views if isinstance(v.job, TrainJob) and v.job.ends_run]
    job = runs[0].job if runs else views[-1].job
    if isinstance(job, TrainJob):
        return METHODS[job.method] + (f", {len(runs)} runs" if len(runs) > 1 else "")
    if isinstance(job, EvaluateJob):
        tasks = f"{len(job.tasks)} task" + ("" if len(job.tasks) == 1 else "s")
        return f"{tasks} on {len(job.subjects)} models"
    # The stage's name stands beside it.
    return label(views[0].entry.title.removeprefix(f"{views[0].entry.stage}: "))


def _result(views: list[JobView]) -> str:
    """The loss of the run that went on, or how many checks held."""
    picks = [v for v in views if v.kind == "pick" and v.result]
    best = str(picks[0].result.get("winner")) if picks else None
    runs = [v for v in views if v.kind == "train" and (best is None or v.id == best)]
    if runs and (last := number(runs[0].result.get("train_loss"))) is not None:
        first = number(runs[0].result.get("first_loss"))
        return f"loss {decimal(first)} → {decimal(last)}" if first is not None else f"loss {decimal(last)}"
    checks = [c for v in views if v.kind == "gate" for c in objects(v.result.get("checks"))]
    if checks:
        return f"{sum(c.get('holds') is True for c in checks)} of {len(checks)} checks hold"
    made = next((v for v in views if v.kind in ("generate", "pairs") and v.result), None)
    if made is not None:
        what = "answers" if made.kind == "generate" else "pairs"
        return f"{count(number(made.result.get(what)) or 0)} {what}"
    model = next((v for v in views if v.kind in ("model", "merge")), None)
    size = number(model.result.get("parameters")) if model else None
    return f"{count(size)} parameters" if size else ""


def problems(run: Run) -> list[Problem]:
    """Failed jobs with what they said; then, as one, those that did not run; and those that are not the recipe's."""
    found = [Problem(label(v.id), "failed", v.said) for v in run.jobs if v.state == "failed"]
    idle = [label(v.id) for v in run.jobs if v.state == "not run"]
    by_hand = [
        Problem(label(v.id), "edited", tuple(label(name) for name in v.edited)) for v in run.jobs if v.edited
    ]
    return [*found, *([Problem(", ".join(idle), "not run", ())] if idle else []), *by_hand]


def job_lines(run: Run) -> list[JobLine]:
    return [
        JobLine(
            id=label(v.id),
            title=label(v.entry.title),
            state=v.state,
            seconds="–" if v.seconds is None else duration(v.seconds),
            hash=label(v.entry.hash)[:12],
            log=f"out/{label(v.id)}/log.txt" if (v.out / "log.txt").is_file() else "–",
        )
        for v in run.jobs
    ]


def environment(run: Run) -> list[tuple[str, str]]:
    """Versions of this interpreter's packages (the jobs ran under the same one), and the machine."""
    cluster = run.manifest.cluster
    nodes = f"{cluster.nodes} node{'s' if cluster.nodes > 1 else ''}"
    processes = f"{cluster.processes} process{'es' if cluster.processes > 1 else ''}"
    lines = [
        ("smolc", label(run.manifest.smolc)),
        ("Python", platform.python_version()),
        *((name, found) for name in PACKAGES if (found := _version(name))),
        ("system", f"{platform.system()} {platform.machine()}"),
        ("cluster", f"{label(cluster.name)}: {label(cluster.device)}, {nodes} × {processes}"),
    ]
    # What was built, not what was asked for.
    for key, name in (("device_name", "device"), ("distributed", "distributed"), ("attention", "attention")):
        seen = dict.fromkeys(label(_told(v.result[key])) for v in run.of_kind("train") if v.result.get(key))
        if seen:
            lines.append((name, ", ".join(seen)))
    return lines


def _told(found: object) -> str:
    said = mapping(found)
    return ", ".join(f"{key}: {value}" for key, value in said.items()) if said else str(found)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
