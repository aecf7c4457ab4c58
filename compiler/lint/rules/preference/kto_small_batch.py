"""KTO on few answers a step

## What it does

Looks for `kto` stages with a batch of fewer than 16 answers, unless their loss is `apo_zero_unpaired`.

## Why is this bad?

KTO's loss is measured against an estimate of how far the model has moved, made from the batch alone. From a
handful of answers that estimate is noise: TRL's own example diverged, differently in each repetition, until its
batch was raised (trl#1474), and the method's author calls an estimate from one or two examples poor (trl#1380).
The method was published with 32, the default here.

Source: trl#1474, trl#1380.

## Wrong

```
stage kto { init = sft ; method = kto ; data = labelled ; batch = 4seq }
```

## Right

```
stage kto { init = sft ; method = kto ; data = labelled ; batch = 32seq }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.stages import runs_of
from smolc.compiler.model.methods import Kto

RULE = Rule("P513", "kto-small-batch", Severity.WARNING)
FEWEST = 16


def check(context: Context) -> Iterator[Finding]:
    seen = set()
    for name, run in runs_of(context, Kto):
        if not isinstance(run.method, Kto) or run.method.loss != "kto":
            continue
        if run.batch is None or run.batch.unit != "seq" or run.batch.value >= FEWEST:
            continue
        span = run.span_of("batch")
        if span in seen:
            continue
        seen.add(span)
        yield Finding(
            f"stage `{name}` estimates from {run.batch.value} answers a step how far the model has moved",
            span,
            notes=("kto was published with 32 answers a step; smaller batches have diverged",),
            help="write `batch = 32seq`; on few devices it is accumulated",
        )
