"""SimPO at the scale of DPO

## What it does

Looks for `simpo` stages whose `beta`, in any run of a grid, is below 1, or whose `gamma` is larger than `beta`.

## Why is this bad?

SimPO's reward is beta times the mean log-probability of an answer's tokens. Means of two answers differ by tenths, where
the sums that DPO compares differ by tens: with DPO's beta of 0.1 there is hardly a gradient. The authors used 2 and 2.5,
and say that 10 may do better. Gamma is the margin between these rewards. Its ratio to beta is what they advise to tune,
0.5 to begin with and 0 to 1 to search; all of their models lie between 0.1 and 0.8.

Source: SimPO (arXiv 2405.14734) and the README of its code.

## Wrong

```
stage simpo { init = sft ; method = simpo(beta = 0.1, gamma = 0.5) ; data = pairs }
```

## Right

```
stage simpo { init = sft ; method = simpo(beta = 2, gamma = 1) ; data = pairs }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.stages import runs_of
from smolc.compiler.model.methods import Simpo

RULE = Rule("P516", "simpo-scale", Severity.WARNING)
LOWEST = 1.0


def check(context: Context) -> Iterator[Finding]:
    seen = set()
    for name, run in runs_of(context, Simpo):
        method = run.method
        if not isinstance(method, Simpo):
            continue
        low = method.beta < LOWEST
        span = method.span_of("beta" if low or not method.given("gamma") else "gamma")
        if span in seen or (not low and method.gamma <= method.beta):
            continue
        seen.add(span)
        if low:
            yield Finding(
                f"stage `{name}` has beta = {method.beta:g}, as DPO would: simpo hardly learns with it",
                span,
                notes=(
                    "its reward is a mean over tokens, not a sum; its authors used 2 to 2.5, and up to 10",
                ),
                help="start with `beta = 2` and `gamma = 1`",
            )
        else:
            yield Finding(
                f"stage `{name}` aims at a margin of {method.gamma:g}, which is more than beta = {method.beta:g}",
                span,
                notes=("the authors search gamma / beta from 0 to 1; their models lie between 0.1 and 0.8",),
                help=f"start with half of beta: `gamma = {method.beta / 2:g}`",
            )
