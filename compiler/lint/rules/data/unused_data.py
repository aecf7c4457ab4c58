"""A dataset or mixture that nothing reads

## What it does

Looks for datasets that are in no mixture, no stage and no eval, for mixtures that no stage trains on, for pairs that no
stage learns from, and for answers that are generated for no pairs. Only
what the recipe itself declares counts: one that others extend (`extends`) may offer more than it uses, and so
may its parents.

## Why is this bad?

What is declared is meant to be used: the usual cause is a row that was never added to the mixture, or a
stage that still names the old one. The run starts, trains on less than its author thinks, and its report
looks complete. It is the declared-but-ignored key of other tools in another form: unknown keys of a config
file were dropped without a word for long (trl#3543), a dataset's `weight` among them.

## Wrong

```
dataset chats { path = "chats.jsonl" }
dataset maths { path = "maths.jsonl" }
mixture skills { chats = all }
```

## Right

```
dataset chats { path = "chats.jsonl" }
dataset maths { path = "maths.jsonl" }
mixture skills { chats = all ; maths = all }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.model.data import Dataset
from smolc.compiler.model.pair_uses import data_read

RULE = Rule("D207", "unused-data", Severity.WARNING)


def check(context: Context) -> Iterator[Finding]:
    recipe = context.recipe
    used = {run.data.name for name in recipe.stages for run in context.runs(name)}
    used |= {stage.data.name for stage in recipe.stages.values()} | data_read(recipe)
    for name, mixture in recipe.mixtures.items():
        if name not in used and mixture.span and mixture.span.source is context.resolved.source:
            yield Finding(
                f"no stage trains on mixture `{name}`",
                mixture.span,
                help=f"write `data = {name}` in the stage that should, or take it out",
            )
        used.update(row.dataset.name for row in mixture.rows)
        if mixture.held_data is not None:
            used.add(mixture.held_data.name)
    for name, pairs in recipe.pairs.items():
        if name not in used and pairs.span and pairs.span.source is context.resolved.source:
            help = f"write `data = {name}` in the stage that should, or add it to a mixture (`{name} = all`)"
            yield Finding(f"no stage learns from pairs `{name}`", pairs.span, help=help)
    paired = {link.name for pairs in recipe.pairs.values() for link in pairs.answers}
    for name, made in recipe.generates.items():
        if name not in paired and made.span and made.span.source is context.resolved.source:
            help = f"name it in `pairs`, or take it out: `strength(chosen = {name}, rejected = ...)`"
            yield Finding(f"nothing is made of the answers of generate `{name}`", made.span, help=help)
    used |= {task.data.name for evaluation in recipe.evals.values() for task in evaluation.task.values()}
    used |= {link.name for model in recipe.models.values() for link in model.trained_on}
    for name, dataset in recipe.datasets.items():
        if name not in used and dataset.span and dataset.span.source is context.resolved.source:
            yield Finding(
                f"nothing reads dataset `{name}`",
                dataset.span,
                help=_help(name, dataset),
            )


def _help(name: str, dataset: Dataset) -> str:
    if dataset.role == "train":
        return f"add it to a mixture (`{name} = all`) or to an eval, or take it out"
    measured = "ask it in an eval (`task ... { data = " + name + " }`)"
    if dataset.role == "test":
        return f"{measured}, or take it out"
    return (
        f"write `holdout = {name}` in the mixture whose validation loss it is for, {measured}, or take it out"
    )
