"""More epochs of SFT than were measured

## What it does

Looks for `sft` stages of more than 5 epochs that start from a pretrained model.

## Why is this bad?

In the Smol Training Playbook IFEval rose from 70.5 to 78.0 between 1 and 5 epochs of SFT, but what was not in
the data peaked earlier: LiveCodeBench at 3 and AIME25 at 4. Beyond that a model learns its examples by heart,
and the training loss goes on falling. For a few hundred very good rows more passes can be right, which is why
this is information only.

Source: Smol Training Playbook, post-training chapter.

## Wrong

```
stage sft { init = base ; method = sft ; data = chats ; length = 10epoch }
```

## Right

```
stage sft { init = base ; method = sft ; data = chats ; length = 3epoch }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.training import each_run, once
from smolc.compiler.model.methods import Sft
from smolc.compiler.plan.templates import model_of

RULE = Rule("O416", "many-epochs", Severity.INFO)
MOST = 5


def check(context: Context) -> Iterator[Finding]:
    yield from once(_check(context))


def _check(context: Context) -> Iterator[Finding]:
    for name, stage in each_run(context):
        length = stage.length
        if length.unit != "epoch" or length.value <= MOST or not isinstance(stage.method, Sft):
            continue
        if context.recipe.models[model_of(stage, context.recipe)].scratch is not None:
            continue
        yield Finding(
            f"stage `{name}` goes over its data {length.value:g} times",
            stage.span_of("length"),
            notes=("in the playbook LiveCodeBench was best after 3 epochs, AIME25 after 4",),
            help="3 to 5 epochs were enough there; keep a `holdout`, and watch its loss",
        )
