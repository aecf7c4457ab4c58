"""Adam with its two memories swapped

## What it does

Looks for `adamw` and `adamw_8bit` with `beta1` above `beta2`, or one of them at 1.

## Why is this bad?

`beta1` averages the gradient over about 1 / (1 - beta1) steps, `beta2` its square. Where the first remembers
longer than the second, steps are scaled by a variance that has already been forgotten, and Adam may not
converge. With 1 nothing new is ever learnt, and torch refuses it when training
starts. SmolLM3 was pretrained with 0.9 and 0.95 (Smol Training Playbook); the default here is 0.9 and 0.999.

Source: Smol Training Playbook.

## Wrong

```
stage sft { init = base ; method = sft ; data = chats ; optim = adamw(beta1 = 0.999, beta2 = 0.9) }
```

## Right

```
stage sft { init = base ; method = sft ; data = chats ; optim = adamw(beta1 = 0.9, beta2 = 0.999) }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Edit, Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.training import each_run, once
from smolc.compiler.model.methods import Adamw

RULE = Rule("O410", "adam-betas-swapped", Severity.WARNING)


def check(context: Context) -> Iterator[Finding]:
    yield from once(_check(context))


def _check(context: Context) -> Iterator[Finding]:
    for name, stage in each_run(context):
        optim = stage.optim
        if not isinstance(optim, Adamw):
            continue
        for key in ("beta1", "beta2"):
            if getattr(optim, key) >= 1:
                message = (
                    f"stage `{name}` has {key} = {getattr(optim, key):g}: Adam would keep what it began with"
                )
                usual = "0.9" if key == "beta1" else "0.999"
                yield Finding(message, optim.span_of(key), help=f"the usual is `{key} = {usual}`")
        if 1 > optim.beta1 > optim.beta2:
            yield Finding(
                f"stage `{name}` averages gradients over more steps (beta1 = {optim.beta1:g}) than their "
                f"squares (beta2 = {optim.beta2:g})",
                optim.span_of("beta1" if optim.given("beta1") else "beta2"),
                help="beta1 is the smaller one: usually `beta1 = 0.9, beta2 = 0.999`",
                edits=_swapped(optim),
            )


def _swapped(optim: Adamw) -> tuple[Edit, ...]:
    first, second = optim.span_of("beta1"), optim.span_of("beta2")
    if not first or not second or not (optim.given("beta1") and optim.given("beta2")):
        return ()
    return Edit(first, second.text), Edit(second, first.text)
