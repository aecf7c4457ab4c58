"""Leave to run code that no task needs

## What it does

Looks for `run_code = true` in evals without a task that runs programs, such as `humaneval`.

## Why is this bad?

`run_code` lets the programs that a model writes run on the machine of the run: alone, without network and within
limits, but no sandbox is perfect. Leave that nothing needs stays behind when tasks are taken out or recipes are
copied, and reviewers who look for it find it where there is nothing to look at.

## Wrong

```
eval final { of = [base, sft] ; tasks = gsm_plus ; run_code = true }
```

## Right

```
eval final { of = [base, sft] ; tasks = gsm_plus }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.model.suite import SUITE

RULE = Rule("X810", "run-code-for-nothing", Severity.WARNING)


def check(context: Context) -> Iterator[Finding]:
    for name, evaluation in context.recipe.evals.items():
        if evaluation.run_code and not any(SUITE[t.word].type == "code" for t in evaluation.tasks):
            yield Finding(
                f"eval `{name}` may run code, and none of its tasks does",
                evaluation.span_of("run_code"),
                help="take `run_code = true` out",
            )
