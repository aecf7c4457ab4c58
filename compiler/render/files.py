"""Plan -> files: the compiled folder as a mapping from path to text. Pure, and the same on every machine."""

from __future__ import annotations

import json
from typing import Any

import smolc
from smolc.compiler.plan.types import Job, Plan
from smolc.compiler.render.accelerate import accelerate_yaml, deepspeed_json
from smolc.compiler.render.environment import render
from smolc.compiler.render.yaml import dump


def files(plan: Plan, root: str, source: str) -> dict[str, str]:
    """root: from the compiled folder to the recipe's folder. source: the recipe's file name. `manifest.json` is last."""
    made: dict[str, str] = dict(plan.templates)
    for job in plan.jobs:
        made.update(_job(job))
    made["run.sh"] = _run_sh(plan, source)
    made["manifest.json"] = _manifest(plan, root)
    return made


def _job(job: Job) -> dict[str, str]:
    folder = f"jobs/{job.id}"
    content = {
        "kind": job.kind,
        "id": job.id,
        "title": job.title,
        "stage": job.stage,
        "needs": list(job.needs),
        **job.body,
    }
    made = {f"{folder}/job.yaml": dump(content, job.title)}
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


def _manifest(plan: Plan, root: str) -> str:
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
            }
            for job in plan.jobs
        ],
    }
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"
