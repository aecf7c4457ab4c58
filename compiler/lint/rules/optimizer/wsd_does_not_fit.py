"""Warm-up and decay that are longer than the run

## What it does

Adds up the warm-up and the decay of `wsd` and compares them with the length of the stage, in every run of a
grid. A decay of 100% does not fit either: nothing would be left for the stable phase, and it would be read as
one step.

## Why is this bad?

There is no such schedule, and training would refuse it, but only after the data has been prepared. Another
trainer crashed where the warm-up alone took every step (prime-rl#968).

## Wrong

```
stage sft {
  init     = base
  method   = sft
  data     = chats
  length   = 100step
  schedule = wsd(warmup = 90step, decay = 20%)
}
```

## Right

```
stage sft {
  init     = base
  method   = sft
  data     = chats
  length   = 100step
  schedule = wsd(warmup = 3%, decay = 20%)
}
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Label, Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.training import each_run, once, steps_of, wsd_fits
from smolc.compiler.model.schedules import Wsd
from smolc.compiler.model.types import Quantity

RULE = Rule("O407", "wsd-does-not-fit", Severity.ERROR)


def check(context: Context) -> Iterator[Finding]:
    yield from once(_check(context))


def _check(context: Context) -> Iterator[Finding]:
    for name, stage in each_run(context):
        schedule = stage.schedule
        if not isinstance(schedule, Wsd):
            continue
        if wsd_fits(schedule, steps_of(stage)):
            continue
        there = schedule.span_of("decay") if schedule.given("decay") else None
        own = schedule.span_of("warmup")
        yield Finding(
            f"the warm-up ({schedule.warmup}) and the decay ({Quantity(schedule.decay, '%')}) of stage "
            f"`{name}` are longer than its training",
            own,
            labels=(Label(there, "the decay"),) if there and there != own else (),
            help="shorten them: `wsd(warmup = 3%, decay = 20%)`",
        )
