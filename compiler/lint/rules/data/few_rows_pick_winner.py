"""A grid's winner picked on a few rows

## What it does

Looks for grids that pick by `eval_loss` where the mixture holds out fewer than 50 rows.

## Why is this bad?

The runs of a grid differ by little: in the Smol Training Playbook's scan of SFT learning rates the mean score
was 35.6 at 3e-6 and the same at 1e-5, 34.7 at 3e-5. On a few rows chance decides between neighbours, as it
does on the 30 problems of AIME, which the playbook samples 64 times each for that reason.

Source: Smol Training Playbook, post-training chapter (learning rates, evals).

## Wrong

```
mixture skills { chats = all ; holdout = 20seq }
stage sft { init = base ; method = sft ; data = skills ; sweep { optim.lr = [1e-5, 3e-5] ; pick = min(eval_loss) } }
```

## Right

```
mixture skills { chats = all ; holdout = 500seq }
stage sft { init = base ; method = sft ; data = skills ; sweep { optim.lr = [1e-5, 3e-5] ; pick = min(eval_loss) } }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Label, Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule

RULE = Rule("D215", "few-rows-pick-winner", Severity.WARNING)
ENOUGH = 50


def check(context: Context) -> Iterator[Finding]:
    seen = set()
    for name, stage in context.recipe.stages.items():
        mixture = context.recipe.mixtures.get(stage.data.name)
        if stage.sweep is None or mixture is None or stage.sweep.pick.metric.name != "eval_loss":
            continue
        held = mixture.held_part
        if held is None or held.unit != "seq" or held.value >= ENOUGH or stage.data.name in seen:
            continue
        seen.add(stage.data.name)
        pick = stage.sweep.pick.span
        yield Finding(
            f"the grid of stage `{name}` is decided by the loss of {held.value:g} rows",
            mixture.span_of("holdout"),
            labels=(Label(pick, "picks by it"),) if pick else (),
            notes=("neighbours of a grid differ by less than the chance of a few rows",),
            help="hold out some hundreds: `holdout = 500seq`",
        )
