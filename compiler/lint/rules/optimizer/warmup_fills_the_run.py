"""A warm-up that never ends

## What it does

Looks for warm-ups of 100% or more, and for warm-ups in steps that are at least as long as the stage.

## Why is this bad?

The learning rate climbs until training is over: the peak that the recipe names is never used, or for one
step, and nothing decays. One user's rate "went straight up until the end of the training", with results well
below the published ones (neural_sp#137); another framework crashed where warm-up and training are equally
long (prime-rl#968). In a percentage it is worse still, because `100%` and above would be read as so many
*steps*.

## Wrong

```
stage sft {
  init     = base
  method   = sft
  data     = chats
  length   = 200step
  schedule = cosine(warmup = 500step)   # of another run
}
```

## Right

```
stage sft {
  init     = base
  method   = sft
  data     = chats
  length   = 200step
  schedule = cosine(warmup = 3%)        # of any run
}
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Label, Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.training import each_run, once, steps_of

RULE = Rule("O405", "warmup-fills-the-run", Severity.ERROR)


def check(context: Context) -> Iterator[Finding]:
    yield from once(_check(context))


def _check(context: Context) -> Iterator[Finding]:
    for name, stage in each_run(context):
        warmup, steps = stage.schedule.warmup, steps_of(stage)
        span = stage.schedule.span_of("warmup")
        if warmup.unit == "%":
            if warmup.value >= 1:
                message = f"stage `{name}` warms up for all of its training"
                yield Finding(message, span, help="write a part of it: `warmup = 3%`")
        elif steps is not None and warmup.value >= steps:
            there = stage.span_of("length")
            yield Finding(
                f"stage `{name}` is {steps:,} steps long and warms up for {warmup.value:,}",
                span,
                labels=(Label(there, "its length"),) if there else (),
                help="write a part of the run, such as `warmup = 3%`, or fewer steps",
            )
