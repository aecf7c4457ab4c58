"""A batch so large that a run has hardly any steps

## What it does

Where the number of optimiser steps follows from the recipe alone (from the rows that a mixture takes, its
budget, or a length in tokens), looks for fewer than 20. A length in steps is taken to be meant.

## Why is this bad?

A model learns in steps, and a schedule needs some to warm up and decay. The Smol Training Playbook packed a
small SFT set at an unchanged batch of 128: the same tokens in a fraction of the updates, and IFEval fell from
71.6 to 59.9. With a batch of 8 packed rows it came back to 69.8.

Source: Smol Training Playbook, post-training chapter.

## Wrong

```
mixture few { chats = take(1000seq) }
stage sft { init = base ; method = sft ; data = few ; batch = 128seq }    # 8 steps
```

## Right

```
mixture few { chats = take(1000seq) }
stage sft { init = base ; method = sft ; data = few ; batch = 16seq ; length = 3epoch }
```
"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

from smolc.compiler.diagnostics import Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.training import each_run, once, place
from smolc.compiler.model.data import Mixture, Take
from smolc.compiler.model.methods import Fit
from smolc.compiler.model.stage import Stage
from smolc.compiler.plan.defaults import batch

RULE = Rule("B306", "few-updates", Severity.WARNING)
FEWEST = 20


def check(context: Context) -> Iterator[Finding]:
    yield from once(_check(context))


def _check(context: Context) -> Iterator[Finding]:
    for name, stage in each_run(context):
        steps = _steps(stage, context.recipe.mixtures.get(stage.data.name))
        if steps is None or steps >= FEWEST:
            continue
        yield Finding(
            f"stage `{name}` is {'about ' if stage.packed else ''}{steps} step{'s' if steps > 1 else ''} long",
            place(stage, "batch" if stage.batch is not None else "length"),
            notes=("the same tokens in fewer updates cost the playbook's SFT 12 points of IFEval",),
            help="make the batch smaller, or the stage longer",
        )


def _steps(stage: Stage, mixture: Mixture | None) -> int | None:
    """Optimiser steps, rounded up as training rounds them; for packed rows, as if they were full."""
    size, length = batch(stage), stage.length
    if length.unit == "step":
        return None
    if stage.packed:
        if isinstance(stage.packing.length, Fit):
            return None
        tokens = size.value if size.unit == "tok" else size.value * stage.packing.bound
        if length.unit == "tok":
            return ceil(length.value / tokens)
        if mixture is not None and mixture.budget is not None:
            return ceil(length.value * mixture.budget / tokens)
        return None
    if mixture is None or length.unit != "epoch" or size.unit != "seq":
        return None
    rows = 0.0
    for row in mixture.rows:
        if not isinstance(row.weight, Take) or row.weight.amount.unit != "seq":
            return None
        rows += row.weight.amount.value
    kept = mixture.held_part
    if kept is not None:
        rows -= rows * kept.value if kept.unit == "%" else kept.value
    return ceil(round(length.value * max(rows, 1) / size.value, 6))
