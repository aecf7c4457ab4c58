"""A cluster whose memory is not that of its GPU

## What it does

Looks for clusters that name a GPU whose memory is known and say more than it has (by a fifth), and for
clusters that leave `memory` at its default, 80 GiB, although the GPU they name has another size or is not
known.

## Why is this bad?

`parallel = auto` decides by it: with 80 GiB written beside a 24 GiB card, DDP is chosen for models that only
fit sharded, and the run dies of it at the first step; with 80 GiB for an H200, memory that was paid for stays
empty. A memory estimate before the launch has long been asked for (axolotl#848): it is as good as this number.

## Wrong

```
cluster small { gpus = 4 ; gpu = "l4" }
```

## Right

```
cluster small { gpus = 4 ; gpu = "l4" ; memory = 24GiB }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity
from smolc.compiler.diagnostics.suggest import closest
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.training import named, replace
from smolc.compiler.plan.cluster import GIB, GPUS

RULE = Rule("H917", "gpu-memory-not-its-own", Severity.WARNING)
TIMES = 1.2
"""Some GPUs come in sizes that differ a little: an H100 NVL has 94 GiB."""


def check(context: Context) -> Iterator[Finding]:
    for name, cluster in context.recipe.clusters.items():
        if not cluster.gpus:
            continue
        given, said = cluster.given("memory"), cluster.memory / GIB
        known = GPUS.get(cluster.gpu.lower())
        if known is None:
            if not given:
                near = closest(cluster.gpu, GPUS)
                yield Finding(
                    f'cluster `{name}` does not say how much memory its GPU has, "{cluster.gpu}"',
                    cluster.span_of("gpu"),
                    notes=("it is taken to have 80 GiB",),
                    help=f"did you mean `{near}`?" if near else "add `memory = ...GiB`",
                )
        elif said > TIMES * known or (not given and known > TIMES * said):
            counted = f"{said:,.0f} GiB" if given else f"{said:,.0f} GiB, the default,"
            yield Finding(
                f"cluster `{name}` is planned with {counted} for {named(cluster.gpu)}, which has {known}",
                cluster.span_of("memory" if given else "gpu"),
                help=f"write `memory = {known}GiB`",
                edits=replace(cluster, "memory", f"{known}GiB"),
            )
