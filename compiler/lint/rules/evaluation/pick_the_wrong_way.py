"""A grid that keeps its worst run

## What it does

Looks for sweeps that pick the largest loss (`max(eval_loss)`, `max(TASK_loss)`) or the smallest score
(`min(TASK)`).

## Why is this bad?

Losses get better downwards, scores upwards. The worst run of the grid goes on to the next stage, and nothing
fails. In the Smol Training Playbook's grid AIME25 was 12.6 at a learning rate of 1e-5 and 1.2 at 1e-4: all
that came after would have started from the second.

Source: Smol Training Playbook, post-training chapter.

## Wrong

```
stage sft {
  init   = base
  method = sft
  data   = chats
  sweep { optim.lr = [1e-5, 1e-4]; pick = max(eval_loss) }
}
```

## Right

```
stage sft {
  init   = base
  method = sft
  data   = chats
  sweep { optim.lr = [1e-5, 1e-4]; pick = min(eval_loss) }
}
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Edit, Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.model.recipe import Recipe

RULE = Rule("E603", "pick-the-wrong-way", Severity.ERROR)


def check(context: Context) -> Iterator[Finding]:
    for name, stage in context.recipe.stages.items():
        if stage.sweep is None:
            continue
        pick = stage.sweep.pick
        metric = pick.metric.name
        loss = _is_loss(metric, context.recipe)
        right = "min" if loss else "max"
        if pick.word == right:
            continue
        span, said = pick.span, f"{right}({metric})"
        what = "a loss, and the largest is the worst" if loss else "a score, and the smallest is the worst"
        yield Finding(
            f"stage `{name}` keeps its worst run: `{metric}` is {what}",
            span,
            help=f"write `pick = {said}`",
            edits=(Edit(span, said),) if span else (),
        )


def _is_loss(metric: str, recipe: Recipe) -> bool:
    """`eval_loss`, or the loss of an own task's reference answers; a task may be called `something_loss` itself."""
    if metric == "eval_loss":
        return True
    own = {task for evaluation in recipe.evals.values() for task in evaluation.task}
    return metric not in own and metric.removesuffix("_loss") in own
