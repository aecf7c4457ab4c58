"""Packed rows with a batch in sequences

## What it does

Looks for stages that pack with `best_fit` while their batch is in sequences, or not given. `wrapped` rows are text
without padding, all equally long: there a number of rows says how many tokens it is.

## Why is this bad?

A packed row holds many conversations, so the same number of sequences is many times the tokens per update,
and an epoch many times fewer updates. On a small SFT set the Smol Training Playbook measured IFEval 71.6
unpacked against 59.9 packed at the same batch of 128 (69.6 against 57.1 without thinking). Packed with a
batch of 8 it came back to 69.8, and an epoch still took 31 minutes instead of 118.

What has to stay the same is tokens per update: `packed rows = batch x mean length / (fill x row length)`. A
batch in tokens says that number.

Source: Smol Training Playbook, post-training chapter.

## Wrong

```
stage sft {
  init    = base
  method  = sft
  data    = chats
  packing = best_fit(length = 4Ki)
  batch   = 128seq                  # 524,288 tokens, about a thousand short chats
}
```

## Right

```
stage sft {
  init    = base
  method  = sft
  data    = chats
  packing = best_fit(length = 4Ki)
  batch   = 64Kitok                 # as many as 128 chats of 512 tokens
}
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Edit, Severity
from smolc.compiler.lint.context import Context, first
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.model.methods import BestFit, Fit
from smolc.compiler.plan.defaults import batch

RULE = Rule("B301", "packing-without-token-batch", Severity.WARNING)


def check(context: Context) -> Iterator[Finding]:
    for name, declared in context.recipe.stages.items():
        seen = set()
        for stage in context.runs(name):
            size, given = batch(stage), stage.batch is not None
            if size.unit != "seq" or not isinstance(stage.packing, BestFit):
                continue
            span = first(stage.span_of("batch") if given else stage.packing.span, declared.span)
            if span in seen:
                continue
            seen.add(span)
            fitted = isinstance(stage.packing.length, Fit)
            lengths = {run.packing.bound for run in context.runs(name)}
            tokens = int(size.value) * stage.packing.bound
            said = f"`batch = {size.value}seq`" if given else f"the default batch of {size.value}"
            same = given and span is not None and len(lengths) == 1 and not fitted
            yield Finding(
                f"stage `{name}` packs its rows, so {said} is {'up to ' if fitted else ''}{tokens:,} tokens per update",
                span,
                notes=(
                    "the playbook's IFEval fell from 71.6 to 59.9 when a batch of 128 was packed as it was",
                ),
                help="give fewer rows: as many as hold the conversations of an update"
                if fitted
                else f"give tokens per update: batch x mean length; as it is now: `batch = {tokens}tok`",
                edits=(Edit(span, f"{tokens}tok", safe=True),) if same and span else (),
            )
