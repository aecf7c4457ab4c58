"""A judge that may be another one tomorrow

## What it does

Looks for evals with judged tasks whose `judge` can change while the recipe stays the same: a model of the hub that is
not at a commit, one in a folder or a file, or a stage of the recipe, and that have no `judge_pin`; and pairs by such a
judge without `pin`.

## Why is this bad?

Grades are only comparable with grades of the same judge. When the weights behind a name change, every score moves, and
nothing says that it was the judge that changed and not the model. With `judge_pin` the run is refused unless the
judge's weights are those that were pinned; `results.json` tells their fingerprint. The Smol Training Playbook pins the
judge and its version.

Source: Smol Training Playbook, post-training chapter (evals).

## Wrong

```
model grader { path = "models/grader" }
eval final { of = [base, sft] ; tasks = mt_bench ; judge = grader }
```

## Right

```
model grader { path = "models/grader" }
eval final { of = [base, sft] ; tasks = mt_bench ; judge = grader ; judge_pin = "sha256:5f2c..." }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.tokenizer import COMMIT
from smolc.compiler.model.pairing import Judged
from smolc.compiler.model.suite import SUITE

RULE = Rule("E650", "judge-not-pinned", Severity.WARNING)


def check(context: Context) -> Iterator[Finding]:
    for name, evaluation in context.recipe.evals.items():
        judge = evaluation.judge
        if judge is None or evaluation.judge_pin is not None:
            continue
        if not any(SUITE[task.word].type == "judged" for task in evaluation.tasks):
            continue
        if (why := _moves(judge.name, context)) is not None:
            yield Finding(
                f"the judge of eval `{name}` is not pinned: {why}",
                judge.span,
                help="add `judge_pin` with the fingerprint of its weights, which results.json tells after a run",
            )
    for name, pairs in context.recipe.pairs.items():
        by = pairs.by
        if isinstance(by, Judged) and by.pin is None and (why := _moves(by.model.name, context)) is not None:
            yield Finding(
                f"the judge of pairs `{name}` is not pinned: {why}",
                by.model.span,
                help="add `pin` with the fingerprint of its weights, which result.json tells after a run",
            )


def _moves(judge: str, context: Context) -> str | None:
    """Why the weights behind the name may change, or None."""
    if judge in context.recipe.stages:
        return f"`{judge}` is trained by the recipe, and is another model after each change to it"
    model = context.recipe.models[judge]
    if model.hub is not None:
        pinned = model.revision is not None and COMMIT.fullmatch(model.revision)
        return None if pinned else f"`{model.hub}` is not taken at a commit"
    here = model.path or model.gguf
    return f"`{here}` holds whatever is put there" if here is not None else None
