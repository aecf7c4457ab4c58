"""Bodies of `generate` and `pairs` jobs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from smolc.compiler.model.data import Drop
from smolc.compiler.model.evaluation import Greedy, Sample
from smolc.compiler.model.generation import Generate
from smolc.compiler.model.links import pairs_of
from smolc.compiler.model.pairing import Exact, Judged, Pairs, Scorer, Strength, Tests
from smolc.compiler.model.recipe import Recipe
from smolc.compiler.model.tasks import After, LastNumber, Whole
from smolc.compiler.model.types import Link
from smolc.compiler.plan.data import sources_of
from smolc.compiler.plan.rows import rows_of
from smolc.compiler.plan.templates import template_of
from smolc.compiler.plan.types import Cluster
from smolc.compiler.resolve import Resolved

ROWS = ("name", "location", "format", "where", "system", "bad_rows")
JUDGEMENT = 1024
"""Longest judgement in tokens."""


def decode_body(decode: Greedy | Sample) -> dict[str, Any]:
    return {
        "temperature": decode.temperature if isinstance(decode, Sample) else 0.0,
        "top_p": decode.top_p if isinstance(decode, Sample) else 1.0,
        "max_new": decode.max_new,
    }


def extract_body(extract: Whole | After | LastNumber) -> dict[str, Any]:
    return {"type": extract.word, "marker": extract.marker if isinstance(extract, After) else None}


def running_body(engine: str, batch: int | None, recipe: Recipe, cluster: Cluster) -> dict[str, Any]:
    """How a model that answers is run."""
    return {
        "engine": engine,
        "batch": batch,
        "processes": cluster.processes if cluster.device == "cuda" else 1,
        "precision": "bf16" if cluster.device == "cuda" else "fp32",
        "trust_remote_code": any(m.trust_remote_code for m in recipe.models.values()),
    }


def prompts_of(made: Generate, recipe: Recipe, resolved: Resolved) -> list[dict[str, Any]]:
    """What a `generate` asks: each source as a mixture reads it."""
    return sources_of(made.prompts.name, recipe, resolved)


def generate_body(
    made: Generate, subject: dict[str, Any], recipe: Recipe, resolved: Resolved, cluster: Cluster
) -> dict[str, Any]:
    """subject: the model that answers, as evals have it."""
    template = subject["template"]
    seed = {} if made.seed is None else {"seed": made.seed}
    return {
        **seed,
        "subject": subject,
        "checkpoint": made.checkpoint,
        "prompts": [_weighted(source) for source in prompts_of(made, recipe, resolved)],
        "subset": made.subset,
        "samples": made.samples,
        "decode": decode_body(made.decode),
        "thinking": template["thinking"] if template else None,
        **running_body(made.engine, made.batch, recipe, cluster),
    }


def _weighted(source: dict[str, Any]) -> dict[str, Any]:
    return {key: source[key] for key in (*ROWS, "weight")}


def pairs_body(
    name: str,
    subjects: dict[str, dict[str, Any]],
    recipe: Recipe,
    resolved: Resolved,
    cluster: Cluster,
) -> dict[str, Any]:
    """subjects: the models that judge, by name, as evals have them."""
    pairs = recipe.pairs[name]
    return {
        "answers": [_answers(link, recipe, resolved) for link in _once(pairs.answers)],
        "by": _by(pairs, subjects, recipe, resolved),
        "at_most": pairs.at_most,
        "ties": pairs.ties,
        "unfinished": pairs.unfinished,
        "bad_pairs": pairs.tolerated,
        "run_code": pairs.run_code,
        "thinking": _tags(name, subjects, recipe),
        **running_body("auto", None, recipe, cluster),
    }


def _tags(name: str, subjects: dict[str, dict[str, Any]], recipe: Recipe) -> list[str] | None:
    """Those around a chain of thought in rows, as the template says of a stage that learns from the pairs; where none
    says it, that of a model whose answers they are made of."""
    learning = (s for s in recipe.stages.values() if name in pairs_of(s.data.name, recipe))
    used = [recipe.templates[t] for s in learning if (t := template_of(s, recipe)) is not None]
    tags = [[t.thinking.open, t.thinking.close] for t in used if t.thinking]
    asked = (subjects[str(recipe.generates[n].of)] for n in _generated(recipe.pairs[name], recipe))
    tags += [one["template"]["thinking"] for one in asked if one["template"] and one["template"]["thinking"]]
    return tags[0] if tags else None


def _generated(pairs: Pairs, recipe: Recipe) -> list[str]:
    return [link.name for link in _once(pairs.answers) if link.name in recipe.generates]


def _once(links: Iterable[Link]) -> list[Link]:
    return list({link.name: link for link in links}.values())


def _answers(link: Link, recipe: Recipe, resolved: Resolved) -> dict[str, Any]:
    if link.name in recipe.generates:
        return {"type": "generated", "name": link.name, "job": link.name}
    return {"type": "rows", **_rows(link.name, recipe, resolved)}


def _rows(name: str, recipe: Recipe, resolved: Resolved) -> dict[str, Any]:
    dataset = recipe.datasets[name]
    bad = dataset.bad_rows.at_most if isinstance(dataset.bad_rows, Drop) else 0.0
    return {"name": name, **rows_of(dataset, resolved), "bad_rows": bad}


def _by(
    pairs: Pairs, subjects: dict[str, dict[str, Any]], recipe: Recipe, resolved: Resolved
) -> dict[str, Any]:
    by = pairs.by
    match by:
        case Strength():
            sides = {side: [x.name for x in _once(getattr(by, side))] for side in ("chosen", "rejected")}
            return {"type": "strength", **sides}
        case Exact():
            problems = _problems(by, pairs, recipe, resolved)
            return {"type": "exact", "extract": extract_body(by.extract), "problems": problems}
        case Tests():
            return {"type": "tests", "dialect": by.rows, "problems": _problems(by, pairs, recipe, resolved)}
        case Scorer():
            job = subjects[str(by.model)]["job"]
            return {"type": "scorer", "name": str(by.model), "model": job, "margin": by.margin}
        case Judged():
            subject = subjects[str(by.model)]
            judge = {key: subject[key] for key in ("name", "job", "template")}
            judge |= {"max_new": JUDGEMENT, "pin": by.pin}
            told = {"style": by.style, "margin": by.margin, "prompt_pin": by.prompt_pin}
            return {"type": "judge", "judge": judge, **told}


def _problems(by: Exact | Tests, pairs: Pairs, recipe: Recipe, resolved: Resolved) -> list[dict[str, Any]]:
    """The rows that say what is right: those that are named, or those that were answered."""
    if by.problems is not None:
        return [_rows(by.problems.name, recipe, resolved)]
    found: list[dict[str, Any]] = []
    for name in _generated(pairs, recipe):
        for source in prompts_of(recipe.generates[name], recipe, resolved):
            rows = {key: source[key] for key in ROWS}
            if rows not in found:
                found.append(rows)
    return found
