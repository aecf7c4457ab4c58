"""Scores of trained models without what they were before

## What it does

Looks for evals with `role = test` of stages where nothing that these stages start from is measured beside them.

## Why is this bad?

A score means little by itself: harnesses, templates and decoding move it by more than training does. Whether
the run helped is the difference to the model it started from, measured in the same way. The Smol Training
Playbook asks for a published score to be replicated before a new eval is trusted, and gives the SFT start in
each table of preference results: APO-zero's 31.8 on AIME25 says nothing without the 32.6 before.

Source: Smol Training Playbook, post-training chapter (evals).

## Wrong

```
eval final { of = sft ; role = test ; tasks = mmlu_pro }
```

## Right

```
eval final { of = [base, sft] ; role = test ; tasks = mmlu_pro }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.model.merge import upstream

RULE = Rule("E613", "eval-without-baseline", Severity.INFO)


def check(context: Context) -> Iterator[Finding]:
    recipe = context.recipe
    tested = [e for e in recipe.evals.values() if e.role == "test"]
    measured = {link.name for evaluation in tested for link in evaluation.of}
    for name, evaluation in recipe.evals.items():
        made = [link for link in evaluation.of if link.name not in recipe.models]
        if evaluation.role != "test" or not made:
            continue
        earlier = {one for link in made for one in upstream(link.name, recipe) if one != link.name}
        if earlier & measured:
            continue
        first = made[0].name
        start = recipe.stages[first].init if first in recipe.stages else recipe.merges[first].pattern
        yield Finding(
            f"eval `{name}` does not measure what its models started from",
            evaluation.span_of("of"),
            notes=("whether training helped is a difference, measured in the same way",),
            help=f"add `{start}` to `of`",
        )
