"""A grid over beta at one learning rate

## What it does

Looks for sweeps of `dpo` and `kto` stages that vary `method.beta` and not `optim.lr`.

## Why is this bad?

The learning rate matters more. In the Smol Training Playbook beta moved the mean of the evals between 41.2 and
48.1, over two orders of magnitude; the rate moved it between 36.9 and 49.6. And the two do the same work, how
far the model leaves its reference: the best beta at one rate is not the best at another.

Source: Smol Training Playbook, post-training chapter.

## Wrong

```
stage dpo {
  init   = sft
  method = dpo
  data   = pairs
  sweep { method.beta = [0.01, 0.1, 0.5]; pick = max(ifeval) }
}
```

## Right

```
stage dpo {
  init   = sft
  method = dpo
  data   = pairs
  sweep { method.beta = [0.05, 0.1]; optim.lr = [1e-7, 5e-7, 1e-6]; pick = max(ifeval) }
}
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.stages import REFERENCED

RULE = Rule("P514", "beta-grid-without-lr", Severity.INFO)


def check(context: Context) -> Iterator[Finding]:
    for name, stage in context.recipe.stages.items():
        if stage.sweep is None or not isinstance(stage.method, REFERENCED):
            continue
        axes = {str(axis.path): axis for axis in stage.sweep.axes}
        if "method.beta" not in axes or "optim.lr" in axes or "optim" in axes:
            continue
        yield Finding(
            f"the grid of stage `{name}` varies beta at one learning rate, which matters more",
            axes["method.beta"].span,
            notes=(
                "the playbook's evals: 41.2 to 48.1 over its betas, 36.9 to 49.6 over its learning rates",
            ),
            help="add `optim.lr = [1e-7, 5e-7, 1e-6]` to the sweep",
        )
