"""A cluster with keys that have no effect

## What it does

Looks for clusters that name a `gpu` or its `memory` but no number of `gpus`, which makes them CPUs, and for
clusters with `gpus` that also say `processes`, which counts only on CPUs.

## Why is this bad?

The first is meant to be a GPU machine and trains on its CPU, hundreds of times slower; the second is meant to
run another number of processes than it does. Settings that are accepted and do nothing have cost others whole
runs, found by reading the source (trl#3543).

## Wrong

```
cluster node { gpu = "h100" ; memory = 80GiB }
```

## Right

```
cluster node { gpus = 8 ; gpu = "h100" ; memory = 80GiB }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.training import without_line

RULE = Rule("H918", "cluster-keys-unused", Severity.WARNING)


def check(context: Context) -> Iterator[Finding]:
    for name, cluster in context.recipe.clusters.items():
        if cluster.gpus and cluster.given("processes"):
            span = cluster.span_of("processes")
            yield Finding(
                f"cluster `{name}` has {cluster.gpus} GPUs, so there are as many processes",
                span,
                help="take `processes` out: it counts where there are no GPUs",
                edits=without_line(span),
            )
        key = next((k for k in ("gpu", "memory") if cluster.given(k)), None)
        if not cluster.gpus and key is not None:
            yield Finding(
                f"cluster `{name}` says `{key}` and has no `gpus`: it trains on CPUs",
                cluster.span_of(key),
                help="add `gpus = 8`, or as many as a node has",
            )
