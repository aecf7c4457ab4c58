"""The same problems for choosing and for the test

## What it does

Looks for tasks of an eval with `role = test` that an eval with `role = validation` measures, too: the same
task of the suite, or an own task on the same dataset. Models that the recipe is not choosing between are no
matter: what counts is that scores on these problems are seen before the end.

## Why is this bad?

What is looked at while a recipe is made decides what it becomes: the grid, the mixture, when to stop. Its score
on those problems is then a best case, and no test of anything. The Smol Training Playbook keeps the two apart:
it validated on LiveCodeBench v4 and reported v5.

Source: Smol Training Playbook, post-training chapter (evals).

## Wrong

```
eval choose { of = sft ; tasks = gsm_plus_mini }
eval final  { of = [base, sft] ; role = test ; tasks = gsm_plus_mini }
```

## Right

```
eval choose { of = sft ; tasks = gsm_plus_mini }
eval final  { of = [base, sft] ; role = test ; tasks = mmlu_pro }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Label, Severity, Span
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.model.evaluation import Eval

RULE = Rule("E611", "test-problems-validated", Severity.WARNING)


def check(context: Context) -> Iterator[Finding]:
    evals = context.recipe.evals
    if len(evals) < 2:
        return
    validated: dict[tuple[str, str], tuple[str, Span | None]] = {}
    for name, evaluation in evals.items():
        if evaluation.role == "validation":
            for problems, _, span in _problems(evaluation):
                validated.setdefault(problems, (name, span))
    for name, evaluation in evals.items():
        for problems, task, span in _problems(evaluation) if evaluation.role == "test" else ():
            if problems in validated:
                other, there = validated[problems]
                yield Finding(
                    f"`{task}` is a test in eval `{name}`, and `{other}` looks at the same problems before",
                    span,
                    labels=(Label(there, "seen here, for choosing"),) if there else (),
                    notes=("a score on problems that something was chosen by is a best case",),
                    help="choose by other problems, or say `role = validation` in both",
                )


def _problems(evaluation: Eval) -> Iterator[tuple[tuple[str, str], str, Span | None]]:
    """What tells the problems of each task, the task's name, and its place."""
    for task in evaluation.tasks:
        yield ("suite", task.word), task.word, task.span
    for name, own in evaluation.task.items():
        yield ("dataset", own.data.name), name, own.data.span
