"""Offloading what would fit on the GPU

## What it does

Looks for `zero(..., offload = ...)` on GPUs where weights, gradients and optimiser, spread by the same ZeRO
stage without offloading, take less than half of each GPU's memory.

## Why is this bad?

Offloaded states cross the bus to the CPU and back in every step, and the CPU computes the update. In one
project's comparison on three GPUs, the same 1B model took 4:31 minutes with ZeRO-3 and 29:07 with the
optimiser offloaded (h2o-llmstudio#288). It is for what does not fit otherwise.

## Wrong

```
cluster node { gpus = 8 ; gpu = "h100" ; memory = 80GiB }
model base { hub = "some/Model-1B" }
stage sft {
  init     = base
  method   = sft
  data     = chats
  parallel = zero(stage = 2, offload = optimizer)
  on       = node
}
```

## Right

```
cluster node { gpus = 8 ; gpu = "h100" ; memory = 80GiB }
model base { hub = "some/Model-1B" }
stage sft {
  init     = base
  method   = sft
  data     = chats
  parallel = zero(stage = 2)
  on       = node
}
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.memory import GIB, needed
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.training import once, replace, trainings
from smolc.compiler.model.methods import Zero

RULE = Rule("H908", "offload-where-it-fits", Severity.INFO)
PART = 0.5


def check(context: Context) -> Iterator[Finding]:
    yield from once(_check(context))


def _check(context: Context) -> Iterator[Finding]:
    for run in trainings(context):
        parallel = run.stage.parallel
        if not isinstance(parallel, Zero) or parallel.offload == "none" or not run.on_gpus:
            continue
        need = needed(run, offload="none")
        if need is None or need > PART * run.cluster.memory:
            continue
        yield Finding(
            f"stage `{run.name}` offloads to the CPU what takes {need / GIB:,.0f} of a GPU's "
            f"{run.cluster.memory / GIB:,.0f} GiB",
            parallel.span_of("offload"),
            notes=("every step then waits for the bus and for the CPU's update",),
            help="leave `offload` out",
            edits=replace(parallel, "offload", "none"),
        )
