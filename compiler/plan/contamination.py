"""The body of the `contamination` job, and what prepared data is compared with: all tasks of all evals."""

from __future__ import annotations

from typing import Any

from smolc.compiler.model.data import Ngram
from smolc.compiler.model.evaluation import Eval
from smolc.compiler.model.merge import upstream
from smolc.compiler.model.recipe import Recipe
from smolc.compiler.plan.data import sources_of
from smolc.compiler.plan.evals import Asking
from smolc.compiler.plan.pairs import prompts_of
from smolc.compiler.plan.rows import rows_of
from smolc.compiler.resolve import Resolved

NGRAM = 13
"""Words in a row: as the Smol Training Playbook decontaminates, and most since GPT-3."""

ROWS = ("location", "format", "where", "system")


def tested(recipe: Recipe, resolved: Resolved) -> tuple[dict[str, Any], ...]:
    """Tasks of all evals, each once: of the suite by name, of the recipe's own those that read the same rows."""
    found: list[dict[str, Any]] = []
    for evaluation in recipe.evals.values():
        for task in _tasks(evaluation, recipe, resolved):
            if not any(_same(task, other) for other in found):
                found.append(task)
    return tuple(found)


def contamination_body(recipe: Recipe, resolved: Resolved) -> dict[str, Any] | None:
    """All data that stages learn from, or that their models are known to have learned from, against all evals, in an
    order that does not depend on that of the recipe; None where one of both is missing."""
    data = _data(recipe, resolved)
    evals = [
        {
            "eval": name,
            "role": evaluation.role,
            "action": evaluation.contamination or ("error" if evaluation.role == "test" else "warn"),
            "tasks": _tasks(evaluation, recipe, resolved),
        }
        for name, evaluation in sorted(recipe.evals.items())
        if evaluation.contamination != "none"
    ]
    evals = [one for one in evals if one["tasks"]]
    return {"ngram": NGRAM, "data": data, "evals": evals} if data and evals else None


def _tasks(evaluation: Eval, recipe: Recipe, resolved: Resolved) -> list[dict[str, Any]]:
    # All problems are compared, whichever of them are asked how often: another subset compares nothing anew.
    fixed: dict[str, Any] = {"subset": None, "strata": None, "avg": 1, "pass_at": [], "max_new": None}
    return [{**task, **fixed} for task in Asking(evaluation, recipe, resolved).tasks()]


def _same(task: dict[str, Any], other: dict[str, Any]) -> bool:
    if task["type"] == other["type"] == "own":
        return all(task[key] == other[key] for key in ROWS)
    return task == other


def _data(recipe: Recipe, resolved: Resolved) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []

    def add(name: str, used: str, by: str, rows: dict[str, Any], decontaminate: int | None) -> None:
        read = {"used": used, **{key: rows[key] for key in ROWS}, "decontaminate": decontaminate}
        for other in found:
            if all(other[key] == read[key] for key in read):
                if by not in other["by"]:
                    other["by"].append(by)
                return
        found.append({"name": name, "by": [by], **read})

    for label in sorted({run.stage.data.name for runs in recipe.runs.values() for run in runs}):
        mixture = recipe.mixtures.get(label)
        how = mixture.decontaminate if mixture is not None else None
        drops = how.n if isinstance(how, Ngram) and how.action == "drop" else None
        for source in sources_of(label, recipe, resolved):
            for read in _read(source, recipe, resolved):
                add(read["name"], "trained", label, read, drops)
    for label in _learned(recipe):
        for link in recipe.models[label].trained_on:
            add(link.name, "declared", label, rows_of(recipe.datasets[link.name], resolved), None)
    return found


def _read(source: dict[str, Any], recipe: Recipe, resolved: Resolved) -> list[dict[str, Any]]:
    """A source; of pairs, which are not made yet, what their answers are to."""
    if source["location"]["type"] != "made":
        return [source]
    found = []
    for link in recipe.pairs[source["name"]].answers:
        if link.name in recipe.generates:
            found += prompts_of(recipe.generates[link.name], recipe, resolved)
        else:
            found.append({"name": link.name, **rows_of(recipe.datasets[link.name], resolved)})
    return found


def _learned(recipe: Recipe) -> list[str]:
    """Models that are trained or measured."""
    made = [link.name for evaluation in recipe.evals.values() for link in evaluation.of]
    made += [*recipe.stages, *recipe.merges]
    names = {one for name in made for one in upstream(name, recipe)}
    return sorted(name for name in names if name in recipe.models)
