"""KTO with one answer on each device

## What it does

Looks at the plan for `kto` jobs whose micro batch, the answers that a device sees at once, is one. The loss
`apo_zero_unpaired` has no such estimate and is left alone.

## Why is this bad?

KTO estimates how far the model has moved by pairing each prompt with the answer to another one of the same
micro batch. With one there is no other: the job is refused when it starts, after everything before it has run.
Answers of other micro batches do not count, as they made results worse (trl#2153; asked for again and declined
in trl#2554). Long rows are the usual cause: left at `auto`, the micro batch shrinks as `length` grows.

Source: trl#2153, trl#2554.

## Wrong

```
stage kto { init = sft ; method = kto ; data = labelled ; packing = none(length = 16Ki) }
```

## Right

```
stage kto {
  init        = sft
  method      = kto
  data        = labelled
  packing     = none(length = 16Ki)
  micro_batch = 2
}
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity
from smolc.compiler.lint.context import Context, first
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.model.methods import Kto

RULE = Rule("P512", "kto-batch-of-one", Severity.ERROR)


def check(context: Context) -> Iterator[Finding]:
    if context.plan is None or not any(isinstance(s.method, Kto) for s in context.recipe.stages.values()):
        return
    seen = set()
    for job in context.plan.jobs:
        if job.kind != "train" or job.body["method"] != "kto" or job.stage is None or job.stage in seen:
            continue
        if job.body["loss"]["loss"] != "kto":  # without an estimate
            continue
        batch = job.body["batch"]
        if batch["micro"] > 1:
            continue
        seen.add(job.stage)
        stage = context.recipe.stages[job.stage]
        key = "micro_batch" if stage.given("micro_batch") else "batch" if stage.given("batch") else "packing"
        share = batch["global_sequences"] // batch["data_parallel"]
        fewest = 2 * batch["data_parallel"]
        yield Finding(
            f"stage `{job.stage}` gives each device one answer at a time, and kto needs at least two",
            first(stage.span_of(key), stage.span),
            notes=("each prompt is paired with the answer to another one of its micro batch",),
            help="write `micro_batch = 2`"
            if share % 2 == 0
            else f"write `micro_batch = {share}`"
            if share > 1
            else f"{batch['data_parallel']} devices need `batch = {fewest}seq` or more",
        )
