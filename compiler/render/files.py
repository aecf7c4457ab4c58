"""Plan -> files: the compiled folder as a mapping from path to text. Pure, and the same on every machine."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import smolc
from smolc.compiler.plan.templates import templates_of
from smolc.compiler.plan.types import Job, Plan, digest
from smolc.compiler.render.accelerate import accelerate_yaml, deepspeed_json
from smolc.compiler.render.environment import render
from smolc.compiler.render.yaml import dump


def files(plan: Plan, root: str, source: str) -> dict[str, str]:
    """root: from the compiled folder to the recipe's folder. source: the recipe's file name. `manifest.json` is last."""
    made: dict[str, str] = dict(plan.templates)
    for job in plan.jobs:
        made.update(_job(job))
    made["run.sh"] = _run_sh(plan, source)
    made["manifest.json"] = _manifest(plan, root, made)
    return made


def _values(job: Job) -> dict[str, Any]:
    """What its job.yaml says."""
    return {
        "kind": job.kind,
        "id": job.id,
        "title": job.title,
        "stage": job.stage,
        "needs": list(job.needs),
        **job.body,
    }


def _job(job: Job) -> dict[str, str]:
    folder = f"jobs/{job.id}"
    made = {f"{folder}/job.yaml": dump(_values(job), job.title)}
    train = job.kind == "train"
    if train:
        made[f"{folder}/accelerate.yaml"] = accelerate_yaml(job)
        if job.body["parallel"]["type"] == "zero":
            made[f"{folder}/deepspeed.json"] = deepspeed_json(job)
    made[f"{folder}/launch.sh"] = render(
        "launch.sh.j2",
        id=job.id,
        title=job.title,
        notes=_notes(job) if train else [],
        accelerate=train,
        nodes=job.cluster.nodes if train else 1,
        world=job.cluster.world_size,
    )
    return made


def _notes(job: Job) -> list[str]:
    batch, parallel = job.body["batch"], job.body["parallel"]
    devices, unit = batch["data_parallel"], "device" if job.sharers == 1 else "group"
    split = f"{batch['micro']} a {unit} x {batch['accumulation']} accumulated x {devices} {unit}{'s' if devices > 1 else ''}"
    how = f"zero-{parallel['stage']}" if parallel["type"] == "zero" else parallel["type"]
    if job.sharers > 1:
        how += f", {job.sharers} devices a row"
    tokens = f"{job.body['length']:,} tokens"
    said = f"{batch['global_sequences']} sequences of up to {tokens} a step = {split}"
    return [f"{said}; {how}, {job.body['precision']}"]


def _run_sh(plan: Plan, source: str) -> str:
    groups: list[dict[str, Any]] = []
    for job in plan.jobs:
        title = _group(job)
        if not groups or groups[-1]["title"] != title:
            groups.append({"title": title, "jobs": []})
        groups[-1]["jobs"].append(job)
    width = max(len(job.id) for job in plan.jobs)
    return render(
        "run.sh.j2",
        recipe=plan.recipe,
        about=plan.about,
        source=source,
        cluster=plan.cluster,
        final=[job.id for job in plan.jobs if job.final],
        groups=groups,
        width=width,
    )


def _group(job: Job) -> str:
    if job.kind == "model":
        return "Where it starts"
    if job.kind == "contamination":
        return "Before anything is trained"
    if job.kind == "merge":
        return f"Merge {job.stage}"
    if job.kind == "report":
        return "What came of it"
    if job.kind in ("generate", "pairs"):
        return f"{'Answers' if job.kind == 'generate' else 'Pairs'} {job.stage}"
    return f"Stage {job.stage}" if job.kind in ("prepare", "train", "pick") else f"Eval {job.stage}"


def _told_by(job: Job, made: dict[str, str]) -> dict[str, str]:
    """The files that tell a job what to do, with their sha256: the runtime finds out by them what was edited by hand. Its
    launch.sh says only how it is started."""
    own = [f"jobs/{job.id}/{name}" for name in ("job.yaml", "accelerate.yaml", "deepspeed.json")]
    names = [name for name in [*own, *templates_of(job.body)] if name in made]
    return {name: hashlib.sha256(made[name].encode()).hexdigest() for name in names}


def _content(job: Job) -> str:
    """Of what its job.yaml says, but for the title: comments and the order of keys are for people alone."""
    return digest({key: value for key, value in _values(job).items() if key != "title"})


def _manifest(plan: Plan, root: str, made: dict[str, str]) -> str:
    cluster = plan.cluster
    content = {
        "smolc": smolc.__version__,
        "edition": plan.edition,
        "recipe": plan.recipe,
        "about": plan.about,
        "hash": plan.hash,
        "root": root,
        "cluster": {
            "name": cluster.name,
            "device": cluster.device,
            "nodes": cluster.nodes,
            "processes": cluster.processes,
            "parallel_jobs": cluster.parallel_jobs,
        },
        "jobs": [
            {
                "id": job.id,
                "kind": job.kind,
                "title": job.title,
                "stage": job.stage,
                "needs": list(job.needs),
                "hash": job.hash,
                "final": job.final,
                "after": list(job.after),
                "files": _told_by(job, made),
                "content": _content(job),
            }
            for job in plan.jobs
        ],
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
