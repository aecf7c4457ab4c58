"""An adapter as large as what it adapts

## What it does

Where a model is made from scratch, so that its width is known, looks for adapters whose rank is half of it or
more.

## Why is this bad?

An adapter of rank r beside a square layer of width d has 2 r d parameters, the layer d x d: from r = d / 2 on
the adapter is the larger one. It costs more than full fine-tuning and can do no more. The rank of 256 that
"LoRA Without Regret" recommends for SFT, which is the default here, is meant for widths of 2048 and above.

Source: "LoRA Without Regret", and TRL's guide to it.

## Wrong

```
model tiny { scratch = llama(layers = 4, hidden = 256, heads = 4) ; tokenizer = bytes }
stage sft { init = tiny ; method = sft ; data = chats ; adapter = lora }
```

## Right

```
model tiny { scratch = llama(layers = 4, hidden = 256, heads = 4) ; tokenizer = bytes }
stage sft { init = tiny ; method = sft ; data = chats ; adapter = lora(rank = 16) }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Label, Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.training import each_run, once
from smolc.compiler.model.methods import Lora
from smolc.compiler.plan.templates import model_of

RULE = Rule("O415", "lora-rank-beyond-the-layer", Severity.WARNING)


def check(context: Context) -> Iterator[Finding]:
    yield from once(_check(context))


def _check(context: Context) -> Iterator[Finding]:
    for name, stage in each_run(context):
        adapter = stage.adapter
        if not isinstance(adapter, Lora):
            continue
        shape = context.recipe.models[model_of(stage, context.recipe)].scratch
        if shape is None or 2 * adapter.rank < shape.hidden:
            continue
        there = shape.span_of("hidden")
        yield Finding(
            f"the adapter of stage `{name}` has rank {adapter.rank} in layers {shape.hidden} wide",
            adapter.span_of("rank"),
            labels=(Label(there, "the width"),) if there else (),
            notes=("from half the width on, an adapter has more parameters than its layer",),
            help=f"write `rank = {max(1, shape.hidden // 16)}`, or train all weights: `adapter = full`",
        )
