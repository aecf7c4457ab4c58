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
from smolc.compiler.lint.training import each_run, once, steps_of
from smolc.compiler.model.methods import Wsd

RULE = Rule("O407", "wsd-does-not-fit", Severity.ERROR)


def check(context: Context) -> Iterator[Finding]:
    yield from once(_check(context))


def _check(context: Context) -> Iterator[Finding]:
    for name, stage in each_run(context):
        schedule = stage.schedule
        if not isinstance(schedule, Wsd):
            continue
        if _fits(schedule, steps_of(stage)):
            continue
        there = schedule.span_of("decay") if schedule.given("decay") else None
        own = schedule.span_of("warmup")
        yield Finding(
            f"the warm-up ({schedule.warmup}) and the decay ({schedule.decay:.4g} of the run) of stage "
            f"`{name}` are longer than its training",
            own,
            labels=(Label(there, "the decay"),) if there and there != own else (),
            help="shorten them: `wsd(warmup = 3%, decay = 20%)`",
        )


def _fits(schedule: Wsd, steps: int | None) -> bool:
    """Parts in steps are rounded as training rounds them."""
    warmup, decay = schedule.warmup, schedule.decay
    if decay >= 1:
        return False
    if steps is None:
        return warmup.unit == "step" or warmup.value + decay <= 1 + 1e-9
    if warmup.unit == "%" and warmup.value >= 1:
        return True  # warmup-fills-the-run
    before = round(warmup.value * steps) if warmup.unit == "%" else int(warmup.value)
    return before + round(decay * steps) <= steps or before >= steps
