"""A grid's winner picked on test data

## What it does

Looks for sweeps whose `pick` names an own task on a dataset that is test data: one with `role = test`, or from
a split of the hub called test. (A task of an eval with `role = test` is an error of its own, `picked-by-test`.)

## Why is this bad?

Whatever picks is no longer a test: the best of n runs on the test set is the luckiest of n, and the number
that is reported for it is too good, by more with every run of the grid. The Smol Training Playbook's rule:
what you ablate on is validation, and a test set is held out until the end (it validated on LiveCodeBench v4
and reported v5).

Source: Smol Training Playbook, post-training chapter (evals).

## Wrong

```
stage sft {
  init   = base
  method = sft
  data   = chats
  sweep { optim.lr = [1e-5, 3e-5]; pick = max(words) }
}
eval choose { of = sft; task words { data = held_out } }    # held_out has `role = test`
```

## Right

```
stage sft {
  init   = base
  method = sft
  data   = chats
  sweep { optim.lr = [1e-5, 3e-5]; pick = max(words) }
}
eval choose { of = sft; task words { data = validation } }
eval final  { of = sft; role = test; task held_out { data = held_out } }
```
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from smolc.compiler.diagnostics import Label, Severity, Span
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.model.data import Dataset
from smolc.compiler.model.eval_checks import measuring
from smolc.compiler.model.evaluation import Eval
from smolc.compiler.model.recipe import Recipe

RULE = Rule("E601", "test-split-picks-winner", Severity.ERROR)
_TEST = re.compile(r"(?:.*_)?test(?:_.*|\[.*)?", re.IGNORECASE)


def check(context: Context) -> Iterator[Finding]:
    recipe = context.recipe
    for name, stage in recipe.stages.items():
        if stage.sweep is None:
            continue
        metric = stage.sweep.pick.metric
        measured = measuring(metric.name, recipe)
        why = _why(metric.name, measured[1], recipe) if measured else None
        if why is None:
            continue
        reason, span = why
        yield Finding(
            f"stage `{name}` picks its winner by `{metric.name}`, and {reason}",
            metric.span,
            labels=(Label(span, "test data"),) if span else (),
            notes=(
                "the best of several runs on the test set is the luckiest one, and its score is too good",
            ),
            help="pick by an eval with `role = validation` on other data, or by `eval_loss`",
        )


def _why(metric: str, evaluation: Eval, recipe: Recipe) -> tuple[str, Span | None] | None:
    task = evaluation.task.get(metric) or evaluation.task.get(metric.removesuffix("_loss"))
    if task is None:
        return None
    name = task.data.name
    key = _test_key(recipe.datasets[name])
    return (f"dataset `{name}` is test data", recipe.datasets[name].span_of(key)) if key else None


def _test_key(dataset: Dataset) -> str | None:
    """The key that makes a dataset test data."""
    if dataset.role == "test":
        return "role"
    return "split" if dataset.hub is not None and _TEST.fullmatch(dataset.split) else None
