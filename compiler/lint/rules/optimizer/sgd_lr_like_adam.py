"""SGD at a learning rate for Adam

## What it does

Looks for stages with `sgd` and a learning rate below 1e-3, also where it is the default, in any run of a grid.

## Why is this bad?

Adam divides each gradient by its own size, so a rate of 1e-5 moves *every weight* by about 1e-5 a step. SGD
does not: gradients are clipped to a norm of 1, so a step moves *all weights together* by at most the rate.
For a model of a billion parameters that is some 30,000 times less for each of them. The rates of the Smol
Training Playbook, and this compiler's defaults (1e-5, 1e-6 for preferences), are AdamW's: with SGD they leave
the model as it was, and the loss stays flat.

Source: the rates are from the Smol Training Playbook, post-training chapter.

## Wrong

```
stage sft { init = base ; method = sft ; data = chats ; optim = sgd(lr = 1e-5) }
```

## Right

```
stage sft { init = base ; method = sft ; data = chats ; optim = adafactor(lr = 1e-5) }   # saves memory too
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule, rate
from smolc.compiler.lint.training import each_run, once
from smolc.compiler.model.methods import Sgd
from smolc.compiler.plan.defaults import learning_rate

RULE = Rule("O408", "sgd-lr-like-adam", Severity.WARNING)
LOWEST = 1e-3


def check(context: Context) -> Iterator[Finding]:
    yield from once(_check(context))


def _check(context: Context) -> Iterator[Finding]:
    for name, stage in each_run(context):
        if not isinstance(stage.optim, Sgd):
            continue
        lr = learning_rate(stage)
        if lr >= LOWEST * (1 - 1e-9):
            continue
        said = rate(lr) if stage.optim.lr is not None else f"the default of {rate(lr)}"
        yield Finding(
            f"stage `{name}` trains with SGD at {said}, a learning rate for Adam",
            stage.optim.span_of("lr"),
            notes=("a step moves all weights together by at most the rate, where Adam moves each by it",),
            help="SGD needs rates from about 1e-2 to 1; to save memory, `adafactor` and `adamw_8bit` keep Adam's",
        )
