"""A grid of learning rates too small to show where the best one lies

## What it does

Looks for sweeps over the learning rate with fewer than three values, or whose largest value is less than three
times the smallest.

## Why is this bad?

A best value between two worse ones is an optimum; the better of two is only a direction, and its neighbours
beyond the edge are unknown. And rates that lie close together measure noise: in the Smol Training Playbook the
mean of the evals was 35.6 at 3e-6, 35.6 at 1e-5 and 34.7 at 3e-5. Its grid was [1e-6, 3e-6, 1e-5, 3e-5, 1e-4],
a factor of three from value to value, and showed both ends falling off. After the data, it calls the learning
rate the most important factor between a "meh" and a "great" model.

Source: Smol Training Playbook, post-training chapter.

## Wrong

```
stage sft {
  init   = base
  method = sft
  data   = chats
  sweep { optim.lr = [1e-5, 2e-5]; pick = min(eval_loss) }
}
```

## Right

```
stage sft {
  init   = base
  method = sft
  data   = chats
  sweep { optim.lr = [3e-6, 1e-5, 3e-5, 1e-4]; pick = min(eval_loss) }
}
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule, rate

RULE = Rule("O417", "grid-shows-no-optimum", Severity.INFO)
FEWEST = 3
TIMES = 3


def check(context: Context) -> Iterator[Finding]:
    for name, declared in context.recipe.stages.items():
        if declared.sweep is None:
            continue
        for axis in declared.sweep.axes:
            if str(axis.path) != "optim.lr":
                continue
            values = {run.optim.lr for run in context.runs(name) if run.optim.lr is not None}
            if not values:
                continue
            narrow = max(values) < TIMES * min(values) * (1 - 1e-9)
            if len(values) >= FEWEST and not narrow:
                continue
            few = f"has {len(values)} value{'s' if len(values) > 1 else ''}"
            said = f"lies between {rate(min(values))} and {rate(max(values))}" if narrow else few
            yield Finding(
                f"the grid of stage `{name}` {said if len(values) > 1 else few}: its best may be anywhere",
                axis.span,
                notes=("the playbook's grid went from 1e-6 to 1e-4, each value about three times the last",),
                help="write at least three values, each about three times the last",
            )
