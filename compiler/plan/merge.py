"""The body and the title of a `merge` job."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from smolc.compiler.model.merge import Linear, Merge, Slerp
from smolc.compiler.model.recipe import Recipe
from smolc.compiler.model.types import Link


def merge_body(merge: Merge, recipe: Recipe, job_of: Callable[[Link], str]) -> dict[str, Any]:
    """job_of: the job that ends with the model a name stands for."""
    pattern = merge.pattern
    assert pattern is not None
    return {
        "inputs": [{"name": str(link), "job": job_of(link)} for link in merge.of],
        "method": _method(merge),
        "like": next(str(link) for link in merge.of if link.name == pattern.name),
        "checkpoints": merge.checkpoints == "all",
        "trust_remote_code": any(m.trust_remote_code for m in recipe.models.values()),
    }


def _method(merge: Merge) -> dict[str, Any]:
    method = merge.method
    if isinstance(method, Linear):
        return {"type": "linear", "weights": list(method.weights)}
    if isinstance(method, Slerp):
        return {"type": "slerp", "at": method.at}
    return {"type": "soup"}


def merge_title(merge: Merge) -> str:
    """`0.9 apo + 0.1 mid`, `slerp from a to b, 50% of the way`, `soup of a, b`."""
    method, names = merge.method, [str(link) for link in merge.of]
    if isinstance(method, Linear):
        terms = [f"{weight:g} {name}" for weight, name in zip(method.weights, names, strict=True)]
        return " + ".join(terms).replace("+ -", "- ")
    if isinstance(method, Slerp):
        return (
            f"slerp from {names[0]} to {names[1]}, {method.at:.4%}".rstrip("0%").rstrip(".") + "% of the way"
        )
    kept = ", with the checkpoints" if merge.checkpoints == "all" else ""
    return f"soup of {', '.join(names)}{kept}"
