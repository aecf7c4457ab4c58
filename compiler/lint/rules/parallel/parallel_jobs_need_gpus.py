"""More jobs at once than a node has GPUs for

## What it does

Looks for clusters with GPUs whose `parallel_jobs` times `gpus` is more than 8.

## Why is this bad?

`gpus` is what *one* job takes on each node, and jobs that run at once get GPUs of their own: two jobs of eight
need sixteen. The second job of a node of eight would find none. Grids whose trials meet on the same GPUs end
out of memory (nni#5522, hydra#1331), or overwrite each other (axolotl#3079).

## Wrong

```
cluster node { gpus = 8 ; parallel_jobs = 4 }
```

## Right

```
cluster node { gpus = 2 ; parallel_jobs = 4 }   # a node of eight
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Label, Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule

RULE = Rule("H920", "parallel-jobs-need-gpus", Severity.WARNING)
MOST = 8
"""GPUs in a node, with few exceptions."""


def check(context: Context) -> Iterator[Finding]:
    for name, cluster in context.recipe.clusters.items():
        wanted = cluster.gpus * cluster.parallel_jobs
        if cluster.parallel_jobs == 1 or wanted <= MOST:
            continue
        there = cluster.span_of("gpus")
        yield Finding(
            f"cluster `{name}` runs {cluster.parallel_jobs} jobs of {cluster.gpus} GPUs at once: {wanted} on each node",
            cluster.span_of("parallel_jobs"),
            labels=(Label(there, "for each job"),) if there else (),
            help=f"on a node of 8 write `gpus = {max(1, 8 // cluster.parallel_jobs)}`, or `parallel_jobs = 1`",
        )
