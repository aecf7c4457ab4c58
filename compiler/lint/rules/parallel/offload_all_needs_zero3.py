"""Weights cannot be offloaded below ZeRO-3

## What it does

Looks for `zero(stage = 1, offload = all)` and `zero(stage = 2, offload = all)`.

## Why is this bad?

Only stage 3 divides the weights and can put them elsewhere; below it DeepSpeed ignores the request, and the
weights stay on the GPU. Projects have carried such settings along until somebody noticed that they mean
nothing (wenet#2499). Here the job compares what was built with what was asked for, and stops.

## Wrong

```
stage sft { init = base ; method = sft ; data = chats ; parallel = zero(stage = 2, offload = all) }
```

## Right

```
stage sft { init = base ; method = sft ; data = chats ; parallel = zero(stage = 2, offload = optimizer) }
```

or `zero(stage = 3, offload = all)`, if the weights do not fit.
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Label, Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.training import each_run, once, replace
from smolc.compiler.model.methods import Zero

RULE = Rule("H906", "offload-all-needs-zero3", Severity.ERROR)


def check(context: Context) -> Iterator[Finding]:
    yield from once(_check(context))


def _check(context: Context) -> Iterator[Finding]:
    for name, stage in each_run(context):
        parallel = stage.parallel
        if not isinstance(parallel, Zero) or parallel.offload != "all" or parallel.stage == 3:
            continue
        span, there = parallel.span_of("offload"), parallel.span_of("stage")
        yield Finding(
            f"stage `{name}` offloads its weights, which ZeRO-{parallel.stage} keeps on every device",
            span,
            labels=(Label(there, "the ZeRO stage"),) if there and there != span else (),
            help="write `offload = optimizer`, or `stage = 3`",
            edits=replace(parallel, "offload", "optimizer"),
        )
