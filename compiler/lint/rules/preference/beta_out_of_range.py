"""A beta beyond what has been measured

## What it does

Looks for `dpo` and `kto` stages whose `beta`, in any run of a grid, is below 0.01 or above 1. Losses in which
beta means something else (`ipo`, `sppo_hard`) are left alone.

## Why is this bad?

Beta is how strongly the model is held to its reference: a higher one stays closer. The Smol Training Playbook
scanned it (mean of its evals; the SFT model it started from had 46.4): 41.2 at 0.01, 45.4 at 0.05, 48.1 at 0.1,
46.3 at 0.2, 47.8 at 0.5 and 47.9 at 0.99. Already at 0.01 the model lost what SFT had taught it; below, the
reference hardly counts. Above 1 hardly anything is learnt.

Source: Smol Training Playbook, post-training chapter.

## Wrong

```
stage dpo { init = sft ; method = dpo(beta = 0.001) ; data = pairs }
```

## Right

```
stage dpo {
  init   = sft
  method = dpo(beta = 0.1)
  data   = pairs
  sweep { method.beta = [0.05, 0.1, 0.5]; optim.lr = [5e-7, 1e-6]; pick = max(ifeval) }
}
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.stages import runs_of
from smolc.compiler.model.methods import Dpo, Kto

RULE = Rule("P502", "preference-beta-out-of-range", Severity.WARNING)
LOWEST, HIGHEST = 0.01, 1.0
OTHERWISE = {"ipo", "sppo_hard"}
"""Losses whose beta is another quantity."""


def check(context: Context) -> Iterator[Finding]:
    seen = set()
    for name, run in runs_of(context, Dpo, Kto):
        method = run.method
        if not isinstance(method, (Dpo, Kto)) or LOWEST <= method.beta <= HIGHEST:
            continue
        span = method.span_of("beta")
        if span in seen or (isinstance(method, Dpo) and OTHERWISE & set(method.loss)):
            continue
        seen.add(span)
        low = method.beta < LOWEST
        effect = "hardly holds the model to its reference" if low else "hardly lets it learn"
        yield Finding(
            f"stage `{name}` has beta = {method.beta:g}, which {effect}",
            span,
            notes=(
                "the playbook's evals, 46.4 before: 41.2 at 0.01, 48.1 at 0.1, 47.8 at 0.5, 47.9 at 0.99",
            ),
            help="start with `beta = 0.1`, and scan 0.01 to 0.5",
        )
