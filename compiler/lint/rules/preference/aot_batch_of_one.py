"""AOT with one pair on each device

## What it does

Looks at the plan for `dpo` jobs with the loss `aot` or `aot_unpaired` whose micro batch, the pairs that a device sees at
once, is one.

## Why is this bad?

AOT compares distributions: it sorts the rewards of the chosen and of the rejected answers of a micro batch, and compares
the best with the best and the worst with the worst. With one pair nothing is sorted, and what is left is the sigmoid
loss under another name. Pairs of other micro batches do not count. Long rows are the usual cause: left at `auto`, the
micro batch shrinks as `length` grows.

Source: Melnyk et al. 2024 (arXiv 2406.05882), section 3.

## Wrong

```
stage dpo { init = sft ; method = dpo(loss = aot) ; data = pairs ; micro_batch = 1 }
```

## Right

```
stage dpo { init = sft ; method = dpo(loss = aot) ; data = pairs ; micro_batch = 8 }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.training import once, place, trainings

RULE = Rule("P521", "aot-batch-of-one", Severity.WARNING)


def check(context: Context) -> Iterator[Finding]:
    yield from once(_check(context))


def _check(context: Context) -> Iterator[Finding]:
    for run in trainings(context):
        if run.body["method"] != "dpo":
            continue
        sorts = [name for name in run.body["loss"]["loss"] if name.startswith("aot")]
        batch = run.body["batch"]
        if not sorts or batch["micro"] > 1:
            continue
        key = next((k for k in ("micro_batch", "batch", "packing") if run.stage.given(k)), "method")
        share, fewest = batch["global_sequences"] // batch["data_parallel"], 2 * batch["data_parallel"]
        yield Finding(
            f"stage `{run.name}` gives each device one pair at a time, and `{sorts[0]}` sorts the pairs of a micro batch",
            place(run.stage, key),
            notes=("of one pair nothing is sorted: what is left is `sigmoid`",),
            help=f"write `micro_batch = {2 if share % 2 == 0 else share}` or more"
            if share > 1
            else f"{batch['data_parallel']} devices need `batch = {fewest}seq` or more",
        )
