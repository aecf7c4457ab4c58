"""An expectation finer than the eval can tell

## What it does

Looks for lines of `expect` that ask one model to be better than another by less than the standard error of
that difference, where the number of problems is known. Comparisons without a margin are left alone.

## Why is this bad?

With n problems, each answered k times, a score near 50% has a standard error of at least `50 / sqrt(n x k)`
points, and a difference of two scores 1.4 times that. A gate below it holds or fails by chance: the same
recipe passes with one seed and not with the next. The Smol Training Playbook averages over many samples where
problems are few (avg@64 for the 30 of AIME25), and its own differences between good learning rates are below
two points.

Source: Smol Training Playbook, post-training chapter (evals).

## Wrong

```
eval final { of = [base, sft] ; tasks = gpqa_diamond(avg = 8) ; expect { sft.gpqa_diamond >= base.gpqa_diamond + 1% } }
```

## Right

```
eval final { of = [base, sft] ; tasks = gpqa_diamond(avg = 8) ; expect { sft.gpqa_diamond >= base.gpqa_diamond + 5% } }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.model.evaluation import Check, Eval
from smolc.compiler.model.suite import SUITE
from smolc.compiler.syntax import tree

RULE = Rule("E605", "expect-within-noise", Severity.WARNING)


def check(context: Context) -> Iterator[Finding]:
    for evaluation in context.recipe.evals.values():
        for one in evaluation.expect:
            yield from _check(one, evaluation)


def _check(one: Check, evaluation: Eval) -> Iterator[Finding]:
    task = one.left.parts[-1].text
    numbers = [(sign, value) for sign, value in one.right if isinstance(value, tree.Number)]
    others = [value for _, value in one.right if isinstance(value, tree.Ref)]
    answers = _answers(task, evaluation)
    if len(numbers) != 1 or len(others) != 1 or answers is None:
        return
    if others[0].path.parts[-1].text != task or one.operator not in (">", ">="):
        return
    sign, value = numbers[0]
    noise = (0.5 / answers) ** 0.5
    margin = sign * value.value
    if not 0 < margin < noise:
        return
    yield Finding(
        f"`{one.left}` is to be better by {margin:.1%}, and {answers:,} answers tell it to ± {noise:.1%}",
        value.span,
        notes=(f"the standard error of a difference of two scores near 50% on {answers:,} answers each",),
        help=f"ask for at least {2 * noise:.0%}, or measure more: `avg`, or a larger set",
    )


def _answers(task: str, evaluation: Eval) -> int | None:
    """How many answers a score is a mean of, if the recipe says so."""
    own = evaluation.task.get(task)
    if own is not None:
        return own.subset * own.avg if own.subset is not None else None
    for one in evaluation.tasks:
        if one.word == task:
            problems = SUITE[task].problems
            return min(one.subset or problems, problems) * one.avg
    return None
