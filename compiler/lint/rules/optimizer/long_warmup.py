"""A warm-up over a large part of the run

## What it does

Looks for warm-ups of more than a quarter of the stage: percentages, and steps where the stage is counted in
steps too.

## Why is this bad?

Until the warm-up ends, the rate is below the peak that was tuned, and a grid over the peak compares averages
of it. The published runs of the Smol Training Playbook warm up for 3% (mid-training, SFT) and 10%
(preferences, whose runs are short). A long warm-up usually comes from a number of steps that was right for a
longer run.

Source: Smol Training Playbook, post-training chapter (SmolLM3's recipes).

## Wrong

```
stage sft {
  init     = base
  method   = sft
  data     = chats
  length   = 600step
  schedule = cosine(warmup = 200step)
}
```

## Right

```
stage sft {
  init     = base
  method   = sft
  data     = chats
  length   = 600step
  schedule = cosine(warmup = 3%)
}
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.training import each_run, once, replace, steps_of, wsd_fits
from smolc.compiler.model.schedules import Wsd

RULE = Rule("O406", "long-warmup", Severity.WARNING)
LONGEST = 0.25


def check(context: Context) -> Iterator[Finding]:
    yield from once(_check(context))


def _check(context: Context) -> Iterator[Finding]:
    for name, stage in each_run(context):
        warmup, steps = stage.schedule.warmup, steps_of(stage)
        if warmup.unit == "%":
            part = float(warmup.value)
        elif steps:
            part = warmup.value / steps
        else:
            continue
        if not LONGEST + 1e-9 < part < 1:  # from 1 on it is warmup-fills-the-run
            continue
        if isinstance(stage.schedule, Wsd) and not wsd_fits(stage.schedule, steps):
            continue  # wsd-does-not-fit
        yield Finding(
            f"stage `{name}` warms up for {part:.0%} of its training",
            stage.schedule.span_of("warmup"),
            notes=("SmolLM3's stages warmed up for 3% and 10%",),
            help="write `warmup = 3%`",
            edits=replace(stage.schedule, "warmup", "3%"),
        )
