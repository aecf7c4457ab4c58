"""An expectation that no score can meet

## What it does

Looks for lines of `expect` that compare a score with a number outside of 0 to 1. Losses of reference answers
(`TASK_loss`) can be any size.

## Why is this bad?

Scores are parts of one: 60% is 0.6. `apo.ifeval >= 60` can never hold, so that the run fails after everything
has been trained and measured; `<= 60` always holds and checks nothing. The Smol Training Playbook prints its
scores in points (IFEval 71.6), which is where the habit comes from.

Source: Smol Training Playbook, post-training chapter.

## Wrong

```
eval final { of = sft ; tasks = ifeval ; expect { sft.ifeval >= 60 } }
```

## Right

```
eval final { of = sft ; tasks = ifeval ; expect { sft.ifeval >= 60% } }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Edit, Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.model.evaluation import Check, Eval
from smolc.compiler.syntax import tree

RULE = Rule("E604", "expect-out-of-range", Severity.ERROR)


def check(context: Context) -> Iterator[Finding]:
    for evaluation in context.recipe.evals.values():
        for one in evaluation.expect:
            yield from _check(one, evaluation)


def _check(one: Check, evaluation: Eval) -> Iterator[Finding]:
    task = one.left.parts[-1].text
    if task not in evaluation.task and task.removesuffix("_loss") in evaluation.task:
        return
    for _, value in one.right:
        if not isinstance(value, tree.Number) or abs(value.value) <= 1:
            continue
        points = value.unit is None and abs(value.value) <= 100
        yield Finding(
            f"`{task}` is a part of one, and {value.text} is more",
            value.span,
            notes=("scores lie between 0 and 1, or 0% and 100%",),
            help=f"write `{value.text}%`" if points else "compare with a part, such as `60%`",
            edits=(Edit(value.span, f"{value.text}%"),) if points else (),
        )
