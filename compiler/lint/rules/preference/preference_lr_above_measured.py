"""A preference stage above all learning rates that were any good

## What it does

Looks for `dpo`, `kto` and `simpo` stages that no SFT stage of the recipe comes before (with one, P501 compares the two)
and that learn at more than 5e-6; with an adapter, 5e-5. Where there is a grid, its smallest value counts.
Models from scratch and SGD are left alone.

## Why is this bad?

The Smol Training Playbook scanned the rate from an SFT model at 46.4 (mean of its evals): 49.6 at 1e-7, 47.9 at
5e-7, 45.4 at 1e-6, 41.5 at 5e-6 and 36.9 at 1e-5. A rate that is carried over from an SFT recipe, such as 2e-5,
is beyond all of them: the loss looks fine, and the model is worse than before. SimPO's authors advise to
search 3e-7 to 1e-6, and warn of answers without sense at 1e-5.

Source: Smol Training Playbook, post-training chapter; the README of SimPO's code.

## Wrong

```
model chat { hub = "some/Model-Instruct" }
stage dpo { init = chat ; method = dpo ; data = pairs ; optim = adamw(lr = 2e-5) }
```

## Right

```
model chat { hub = "some/Model-Instruct" }
stage dpo { init = chat ; method = dpo ; data = pairs ; optim = adamw(lr = 5e-7) }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule, rate
from smolc.compiler.lint.stages import BARE, after_sft, runs_of
from smolc.compiler.model.methods import Lora, Sgd
from smolc.compiler.model.stage import Stage
from smolc.compiler.plan.defaults import learning_rate
from smolc.compiler.plan.templates import model_of

RULE = Rule("P515", "preference-lr-above-measured", Severity.WARNING)
HIGHEST = 5e-6


def check(context: Context) -> Iterator[Finding]:
    recipe = context.recipe
    slowest: dict[str, Stage] = {}
    for name, run in runs_of(context, *BARE):
        if not isinstance(run.optim, Sgd):
            slowest[name] = min(slowest.get(name, run), run, key=_times)
    for name, run in slowest.items():
        most = HIGHEST * (10 if isinstance(run.adapter, Lora) else 1)
        lr, span = run.optim.lr, run.optim.span_of("lr")
        if lr is None or lr <= most * (1 + 1e-9) or after_sft(run, recipe):
            continue
        if recipe.models[model_of(run, recipe)].scratch is not None:
            continue
        yield Finding(
            f"stage `{name}` learns preferences at {rate(lr)}, above what helped where it was measured",
            span,
            notes=(
                "the playbook's evals, 46.4 before: 49.6 at 1e-7, 45.4 at 1e-6, 41.5 at 5e-6, 36.9 at 1e-5",
            ),
            help=f"start with `lr = {rate(most / 10)}`, and scan around it",
        )


def _times(run: Stage) -> float:
    """The learning rate, as of full fine-tuning."""
    return learning_rate(run) / (10 if isinstance(run.adapter, Lora) else 1)
