"""A preference run picked by its own loss

## What it does

Looks for sweeps of preference stages (`dpo`, `kto`, `orpo`, `cpo`, `simpo`) that pick their winner by `eval_loss` alone,
or halve by it (`halve_at`).

## Why is this bad?

A preference loss says how well held-out pairs are told apart, not whether the answers got better. It goes on falling
while the model moves away from good answers: rates that were too high for DPO in the Smol Training Playbook brought the
mean of its evals from 49.6 (1e-7) to 36.9 (1e-5), and a whole run with the sigmoid loss brought AIME25 from 32.6 to 3.1.
Rafailov et al. (2024) saw the same in DPO, IPO and SLiC before one pass over the pairs was over. So winners are picked
by an eval with `role = validation`; the report shows reward accuracy, KL and the lengths of answers beside it.

Source: Smol Training Playbook, post-training chapter; "Scaling laws for reward model overoptimization in direct alignment
algorithms" (2024).

## Wrong

```
stage dpo {
  init   = sft
  method = dpo
  data   = pairs
  sweep { optim.lr = [1e-7, 5e-7, 1e-6]; pick = min(eval_loss) }
}
```

## Right

```
stage dpo {
  init   = sft
  method = dpo
  data   = pairs
  sweep { optim.lr = [1e-7, 5e-7, 1e-6]; pick = max(ifeval) }
}
eval choose { of = dpo; tasks = ifeval }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.model.methods import Cpo, Dpo, Kto, Orpo, Simpo

PREFERENCES = (Dpo, Kto, Orpo, Cpo, Simpo)
RULE = Rule("P520", "preference-picked-by-loss", Severity.WARNING)


def check(context: Context) -> Iterator[Finding]:
    for name, stage in context.recipe.stages.items():
        sweep = stage.sweep
        picks = sweep is not None and sweep.pick.metric.name == "eval_loss"
        if sweep is None or not (picks or sweep.halve_at):
            continue
        if not all(isinstance(run.method, PREFERENCES) for run in context.runs(name)):
            continue
        task = "pick by a task of an eval with `role = validation`, such as `pick = max(TASK)`"
        yield Finding(
            f"the grid of stage `{name}` is {'decided' if picks else 'halved'} by its preference loss, which falls while "
            "answers get worse",
            sweep.pick.metric.span if picks else sweep.span_of("halve_at"),
            notes=("a loss tells how pairs are told apart, not how the model answers",),
            help=task if picks else "take `halve_at` out, so that each run is measured by the eval",
        )
