"""Something that is to happen every so often, in a shorter run

## What it does

Compares `save_every`, `evaluate_every` and `log_every` with the length of the stage, where both are in steps,
and looks for percentages above 100%.

## Why is this bad?

It never happens: a run that is killed begins again from nothing, the curve of the validation loss has one
point, the log next to none. "The checkpoint was not saved" is found when it is needed (ms-swift#1576). Axolotl
rejects steps that contradict the rest of a file. Such intervals come from a longer run: a percentage goes
with any length, and is the default (20%).

## Wrong

```
stage sft {
  init       = base
  method     = sft
  data       = chats
  length     = 400step
  save_every = 1000step
}
```

## Right

```
stage sft {
  init       = base
  method     = sft
  data       = chats
  length     = 400step
  save_every = 25%
}
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Label, Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.training import each_run, once, replace, steps_of
from smolc.compiler.model.stage import Stage
from smolc.compiler.model.types import Quantity

RULE = Rule("B304", "interval-longer-than-run", Severity.WARNING)
NEVER = {
    "save_every": "no checkpoint to go on from is kept",
    "evaluate_every": "the validation loss is measured at the end only",
    "log_every": "the loss is written down at its ends and with its checkpoints only",
}


def check(context: Context) -> Iterator[Finding]:
    yield from once(_check(context))


def _check(context: Context) -> Iterator[Finding]:
    for name, stage in each_run(context):
        for key, happens in NEVER.items():
            if not stage.given(key):
                continue
            steps = steps_of(stage)
            if not _beyond(stage, key, steps):
                continue
            length = stage.span_of("length")
            run = f"{steps:,} steps" if steps is not None else "a run"
            yield Finding(
                f"stage `{name}`: `{key} = {_said(stage, key)}` is longer than {run}, so {happens}",
                stage.span_of(key),
                labels=(Label(length, "its length"),) if length and steps is not None else (),
                help="write a part of the run, such as `20%`" if key != "log_every" else "write fewer steps",
                edits=replace(stage, key, "20%") if key != "log_every" else (),
            )


def _beyond(stage: Stage, key: str, steps: int | None) -> bool:
    value = getattr(stage, key)
    if isinstance(value, int) and not isinstance(value, Quantity):
        return steps is not None and value > steps
    if value.unit == "%":
        return bool(value.value > 1)
    return steps is not None and value.value > steps


def _said(stage: Stage, key: str) -> str:
    span = stage.span_of(key)
    return span.text if span else key
