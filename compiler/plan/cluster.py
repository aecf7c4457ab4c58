"""Where a plan runs: `--on`, the recipe's own default, or this machine."""

from __future__ import annotations

import re

from smolc.compiler.diagnostics import Diagnostic, Severity
from smolc.compiler.diagnostics.suggest import closest
from smolc.compiler.model.recipe import Cluster as Declared
from smolc.compiler.model.recipe import Recipe
from smolc.compiler.model.stage import Stage
from smolc.compiler.plan.types import Cluster

GIB = 2**30

GPUS = {
    "h100": 80, "h200": 141, "b200": 180, "gh200": 96, "a100": 80, "a100_40": 40, "l40s": 48, "a10": 24, "l4": 24,
    "t4": 16, "v100": 32, "rtx3090": 24, "rtx4090": 24, "rtx5090": 32, "mi250x": 64, "mi300x": 192,
}  # fmt: skip
"""Memory in GiB by the vendors' data sheets."""

SHORTHAND = re.compile(
    r"(?:(?P<nodes>\d{1,5})x)?(?:(?P<count>\d{1,4})x)(?P<kind>[a-z0-9_]+)|(?P<one>[a-z0-9_]+)"
)


def of_stage(recipe: Recipe, stage: Stage, on: str | None, chosen: Cluster) -> Cluster:
    """A stage's own cluster; `--on` overrides it."""
    if on is not None or stage.on is None:
        return chosen
    return _declared(stage.on.name, recipe.clusters[stage.on.name])


def choose(recipe: Recipe, on: str | None) -> tuple[Cluster | None, list[Diagnostic]]:
    """The cluster named by `on` (a `cluster` of the recipe, or shorthand such as `8xh100`, `2x8xh100`, `cpu`, `2xcpu`).

    Without it: the recipe's `on`, else one process on this machine's GPU or CPU.
    """
    if on is None and recipe.on is not None:
        on = recipe.on.name
    if on is None:
        return Cluster("local", "auto"), []
    if on in recipe.clusters:
        return _declared(on, recipe.clusters[on]), []
    match = SHORTHAND.fullmatch(on.lower())
    if match:
        kind = match["kind"] or match["one"]
        nodes, count = int(match["nodes"] or 1), int(match["count"] or 1)
        if kind in ("cpu", *GPUS) and min(nodes, count) < 1:
            message, help = f"`{on}` has no devices", f"write at least 1: `{kind}`, or `2x{kind}`"
            return None, [Diagnostic("C030", "unknown-cluster", Severity.ERROR, message, help=help)]
        if nodes >= 1 and count >= 1:
            if kind == "cpu":
                return Cluster(on.lower(), "cpu", nodes, count), []
            if kind in GPUS:
                return Cluster(on.lower(), "cuda", nodes, count, memory=GPUS[kind] * GIB), []
    near = closest(on, [*recipe.clusters, "cpu", *GPUS])
    help = (
        f"did you mean `{near}`?"
        if near
        else "name a `cluster` of the recipe, or write 8xh100, 2x8xh100, cpu"
    )
    return None, [
        Diagnostic("C030", "unknown-cluster", Severity.ERROR, f"there is no cluster `{on}`", help=help)
    ]


def _declared(name: str, cluster: Declared) -> Cluster:
    device = "cuda" if cluster.gpus else "cpu"
    return Cluster(
        name, device, cluster.nodes, cluster.gpus or cluster.processes, cluster.parallel_jobs, cluster.memory
    )
