"""Bodies of `evaluate` and `gate` jobs."""

from __future__ import annotations

from typing import Any

from smolc.compiler.model.evaluation import After, Eval, OwnTask, Sample, SuiteTask
from smolc.compiler.model.recipe import Recipe
from smolc.compiler.model.suite import SUITE
from smolc.compiler.plan.rows import rows_of
from smolc.compiler.plan.types import Cluster
from smolc.compiler.resolve import Resolved
from smolc.compiler.syntax import tree


def evaluate_body(
    evaluation: Eval,
    subjects: list[dict[str, Any]],
    only: str | None,
    recipe: Recipe,
    cluster: Cluster,
    resolved: Resolved,
) -> dict[str, Any]:
    """`only`: the one task that is measured, for a grid's choice; all if None."""
    tasks = [_suite(t) for t in evaluation.tasks] + [
        _own(name, task, recipe, resolved) for name, task in evaluation.task.items()
    ]
    decode = evaluation.decode
    strip = [s["template"]["thinking"] for s in subjects if s["template"] and s["template"]["thinking"]]
    remote = any(m.trust_remote_code for m in recipe.models.values())
    return {
        "role": evaluation.role,
        "subjects": subjects,
        "tasks": [t for t in tasks if only is None or only in (t["name"], f"{t['name']}_loss")],
        "decode": {
            "temperature": decode.temperature if isinstance(decode, Sample) else 0.0,
            "top_p": decode.top_p if isinstance(decode, Sample) else 1.0,
            "max_new": decode.max_new,
        },
        "strip_thinking": strip[0] if strip and evaluation.strip == "thinking" else None,
        "batch": evaluation.batch,
        "precision": "bf16" if cluster.device == "cuda" else "fp32",
        "trust_remote_code": remote,
    }


def _suite(task: SuiteTask) -> dict[str, Any]:
    entry = SUITE[task.word]
    return {
        "type": "suite",
        "name": task.word,
        "task": entry.task,
        "metric": entry.metric,
        "rows": task.rows,
        "avg": task.avg,
        "max_new": task.max_new,
    }


def _own(name: str, task: OwnTask, recipe: Recipe, resolved: Resolved) -> dict[str, Any]:
    marker = task.extract.marker if isinstance(task.extract, After) else None
    return {
        "type": "own",
        "name": name,
        **rows_of(recipe.datasets[task.data.name], resolved),
        "rows": task.rows,
        "extract": {"type": task.extract.word, "marker": marker},
        "avg": task.avg,
        "max_new": task.max_new,
    }


def gate_body(evaluation: Eval, scores: str) -> dict[str, Any]:
    checks = []
    for check in evaluation.expect:
        terms = [[sign, _term(value)] for sign, value in check.right]
        checks.append(
            {"text": check.text, "left": str(check.left), "operator": check.operator, "terms": terms}
        )
    return {"scores": scores, "checks": checks}


def _term(value: tree.Value) -> str | float:
    if isinstance(value, tree.Ref):
        return str(value.path)
    assert isinstance(value, tree.Number)
    return float(value.value)
