"""A task that runs code which the model writes

## What it does

Looks for `humaneval` and `mbpp` in evals.

## Why is this bad?

To score these tasks, what the model wrote is run as a program, on the machine of the run and with its access. A
model that learnt from the web has seen `rm -rf` and uploads of files, and a damaged one writes anything.
smolc does not run it: the eval refuses the task, after everything before it has been trained. Until there is a
sandbox, save the model and score these tasks in one of your own (a container without a network).

## Wrong

```
eval final { of = [base, sft] ; tasks = [gsm_plus, humaneval(avg = 16)] ; decode = sample }
```

## Right

```
eval final { of = [base, sft] ; tasks = gsm_plus ; decode = sample }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity
from smolc.compiler.lint.benchmarks import NOT_RUN
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule

RULE = Rule("X810", "eval-runs-code", Severity.ERROR)


def check(context: Context) -> Iterator[Finding]:
    for name, evaluation in context.recipe.evals.items():
        for task in evaluation.tasks:
            if task.word in NOT_RUN:
                yield Finding(
                    f"`{task.word}` runs what the model writes: eval `{name}` will refuse it",
                    task.span,
                    help="take it out, and score it in a sandbox of your own",
                )
