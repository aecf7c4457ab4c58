"""The tokenizer pads with the end of turn

## What it does

Compares the padding token of a model's tokenizer with its end of text and with the template's
`end_of_turn`, where the tokenizer's files are on this machine.

## Why is this bad?

Code that masks padding by its id masks every end of turn with it, and the model never learns to stop
(trl#1623, trl#3091). smolc does not: labels come from the template's marks, and a special token that the
data does not use becomes the padding token of the trained model. So this is information, not a warning:
what else you train or serve the start model with may be less careful, and the tokenizer that comes out is
not quite the one that went in.

## Wrong

```
{"eos_token": "<|im_end|>", "pad_token": "<|im_end|>"}
```

## Right

```
{"eos_token": "<|im_end|>", "pad_token": "<pad>"}
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule, not_checked
from smolc.compiler.model.methods import Cpt
from smolc.compiler.plan.templates import model_of

RULE = Rule("T103", "pad-equals-eos", Severity.INFO)


def check(context: Context) -> Iterator[Finding]:
    seen = set()
    for stage in context.recipe.stages.values():
        name = model_of(stage, context.recipe)
        files = context.tokenizer(name)
        if files is None:
            reason = f"the tokenizer of model `{name}` is not on this machine"
            yield not_checked(name, reason, context.recipe.models[name].span)
            continue
        if files.pad is None or name in seen:
            continue
        end = None if isinstance(stage.method, Cpt) else context.template(stage).end
        if files.pad not in (files.eos, end):
            continue
        seen.add(name)
        yield Finding(
            f'the tokenizer of model `{name}` pads with "{files.pad}", which also ends a turn',
            context.recipe.models[name].span_of("tokenizer"),
            notes=("the end of turn is trained all the same: labels come from the template's marks",),
            help="nothing has to be done: a special token that the data does not use will pad instead",
        )
