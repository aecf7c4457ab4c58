"""Bodies of `evaluate`, `replicate` and `gate` jobs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from smolc.compiler.model.evaluation import Eval, Sample
from smolc.compiler.model.recipe import Recipe
from smolc.compiler.model.suite import SUITE, Entry
from smolc.compiler.model.tasks import After, OwnTask, SuiteTask, Vibe
from smolc.compiler.model.types import Link
from smolc.compiler.plan.paths import relative
from smolc.compiler.plan.rows import rows_of
from smolc.compiler.plan.types import Cluster
from smolc.compiler.resolve import Resolved
from smolc.compiler.syntax import tree


@dataclass(frozen=True)
class Asking:
    """An eval and what its tasks are made from."""

    evaluation: Eval
    recipe: Recipe
    resolved: Resolved

    def tasks(self) -> list[dict[str, Any]]:
        evaluation = self.evaluation
        return [
            *(self._suite(task) for task in evaluation.tasks),
            *(self._own(name, task) for name, task in evaluation.task.items()),
            *(self._vibe(name, vibe) for name, vibe in evaluation.vibe.items()),
        ]

    def _suite(self, task: SuiteTask) -> dict[str, Any]:
        entry = SUITE[task.word]
        return {
            "type": entry.type,
            **_asked(task.word, task),
            "strata": entry.strata,
            "avg": task.avg,
            "pass_at": list(task.pass_at),
            **self._of_type(task, entry),
        }

    def _of_type(self, task: SuiteTask, entry: Entry) -> dict[str, Any]:
        """What tasks of this type have besides."""
        said = task.model_dump()
        data = None if task.file is None else self._files(task)
        match entry.type:
            case "suite":
                return {"task": entry.task, "metric": entry.metric, "location": data}
            case "code":
                return {"dialect": entry.dialect, "location": data or _hub(entry)}
            case "judged":
                against = said.get("against")
                return {
                    "style": entry.style,
                    "location": data or _hub(entry),
                    "against": None if against is None else str(Link(*against)),
                }
            case "fresh":
                located = None if entry.variant == "generated" else data or _hub(entry)
                return {
                    "variant": entry.variant,
                    "problems": entry.problems,
                    "refresh": said["refresh"],
                    "location": located,
                }
            case "needle":
                return {
                    "lengths": list(said["lengths"]),
                    "depths": said["depths"],
                    "refresh": said["refresh"],
                }
            case _:
                return {"location": data or _hub(entry)}

    def _own(self, name: str, task: OwnTask) -> dict[str, Any]:
        marker = task.extract.marker if isinstance(task.extract, After) else None
        return {
            "type": "own",
            **_asked(name, task),
            "strata": task.strata,
            "avg": task.avg,
            "pass_at": list(task.pass_at),
            **rows_of(self.recipe.datasets[task.data.name], self.resolved),
            "extract": {"type": task.extract.word, "marker": marker},
        }

    def _vibe(self, name: str, vibe: Vibe) -> dict[str, Any]:
        return {
            "type": "vibe",
            **_asked(name, vibe),
            "strata": vibe.strata,
            "avg": 1,
            "pass_at": [],
            "location": self._files(vibe),
        }

    def _files(self, task: SuiteTask | Vibe) -> dict[str, Any]:
        span = task.span_of("file")
        return {"type": "files", "paths": [relative(self.resolved, path, span) for path in task.file or ()]}


def _asked(name: str, task: SuiteTask | OwnTask | Vibe) -> dict[str, Any]:
    return {"name": name, "subset": task.subset, "max_new": task.max_new}


def _hub(entry: Entry) -> dict[str, Any]:
    return {
        "type": "hub",
        "id": entry.hub,
        "config": entry.config,
        "split": entry.split,
        "revision": None,
        "streaming": False,
    }


def evaluate_body(
    asking: Asking,
    subjects: list[dict[str, Any]],
    only: frozenset[str] | None,
    judge: dict[str, Any] | None,
    cluster: Cluster,
) -> dict[str, Any]:
    """`only`: the scores that are wanted, for a grid's choice or a replication; all if None."""
    evaluation = asking.evaluation
    decode = evaluation.decode
    strip = [s["template"]["thinking"] for s in subjects if s["template"] and s["template"]["thinking"]]
    tasks = [t for t in asking.tasks() if only is None or only & set(_scores(t))]
    return {
        "role": evaluation.role,
        "subjects": subjects,
        "checkpoints": only is None and evaluation.checkpoints == "all",
        "tasks": tasks,
        "decode": {
            "temperature": decode.temperature if isinstance(decode, Sample) else 0.0,
            "top_p": decode.top_p if isinstance(decode, Sample) else 1.0,
            "max_new": decode.max_new,
        },
        "strip_thinking": strip[0] if strip and evaluation.strip == "thinking" else None,
        "strip": evaluation.strip == "thinking",
        "run_code": evaluation.run_code,
        "judge": judge if any(t["type"] == "judged" for t in tasks) else None,
        "engine": evaluation.engine,
        "batch": evaluation.batch,
        "processes": cluster.processes if cluster.device == "cuda" else 1,
        "precision": "bf16" if cluster.device == "cuda" else "fp32",
        "trust_remote_code": any(m.trust_remote_code for m in asking.recipe.models.values()),
    }


def _scores(task: dict[str, Any]) -> list[str]:
    name = task["name"]
    return [name, f"{name}_loss", *(f"{name}_pass{k}" for k in task["pass_at"])]


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


def replicate_body(evaluation: Eval, scores: str) -> dict[str, Any]:
    published = [
        {"model": str(known.model), "task": task, "score": known.score, "tolerance": known.tolerance}
        for task, known in evaluation.replicates.items()
    ]
    return {"scores": scores, "published": published}
