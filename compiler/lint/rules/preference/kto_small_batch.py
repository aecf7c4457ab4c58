"""KTO on few answers a pass

## What it does

Looks at the plan for `kto` jobs whose devices see fewer than 8 answers at once, all together, unless their loss is
`apo_zero_unpaired`. Not on CPUs, where a recipe is tried out. With one on each, P512 is an error.

## Why is this bad?

KTO's loss is measured against an estimate of how far the model has moved, made from the answers of one pass alone:
the micro batch, of all devices. What is accumulated over several passes does not make it better. From a handful of
answers that estimate is noise: TRL's own example diverged, differently in each repetition, until its batch was
raised (trl#1474), and the method's author calls an estimate from one or two examples poor (trl#1380). The method was
published with 32. Long rows are the usual cause: left at `auto`, the micro batch shrinks as `length` grows, which is
4Ki unless given.

Source: trl#1474, trl#1380.

## Wrong

```
stage kto { init = sft ; method = kto ; data = labelled ; micro_batch = 2 }
```

## Right

```
stage kto { init = sft ; method = kto ; data = labelled ; packing = none(length = 1Ki) ; micro_batch = 16 }
```
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from smolc.compiler.diagnostics import Severity
from smolc.compiler.lint.context import Context, first
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.training import once, trainings
from smolc.compiler.model.methods import Kto

RULE = Rule("P513", "kto-small-batch", Severity.WARNING)
FEWEST, GOOD = 8, 16


def check(context: Context) -> Iterator[Finding]:
    yield from once(_check(context))


def _check(context: Context) -> Iterator[Finding]:
    for run in trainings(context):
        batch, stage = run.body["batch"], run.stage
        if not isinstance(stage.method, Kto) or stage.method.loss != "kto" or batch["micro"] == 1:
            continue
        at_once = batch["micro"] * batch["data_parallel"]
        if at_once >= FEWEST or run.cluster.device == "cpu":
            continue
        key = "micro_batch" if stage.given("micro_batch") else "batch" if stage.given("batch") else "packing"
        passes = batch["accumulation"]
        yield Finding(
            f"stage `{run.name}` estimates from {at_once} answers how far the model has moved",
            first(stage.span_of(key), stage.span),
            notes=(f"its step has {passes} passes, and each estimates anew",) if passes > 1 else (),
            help=_help(batch),
        )


def _help(batch: dict[str, Any]) -> str:
    devices = batch["data_parallel"]
    share = batch["micro"] * batch["accumulation"]
    if share * devices < FEWEST:
        return f"write `batch = {GOOD * 2}seq`, and `micro_batch = {-(-GOOD // devices)}` if so many fit"
    fitting = [n for n in range(1, share + 1) if share % n == 0 and n * devices >= FEWEST]
    micro = next((n for n in fitting if n * devices >= GOOD), fitting[-1])
    return f"write `micro_batch = {micro}`; a shorter `packing = none(length = ...)` makes room where rows are shorter"
