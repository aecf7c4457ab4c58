"""No checkpointing, and no room for the activations

## What it does

For stages on GPUs with `checkpointing = false`, adds up weights, gradients, optimiser and what the activations
of one forward pass take at least, by the model's size (counted, or read from its name) and the tokens of a
micro batch.

## Why is this bad?

Without checkpointing every layer's activations wait for the backward pass. A 3B model took 3 MB of them for
each token (measured on one H100, Liger and varlen: 46 GiB at 2 x 4,096 tokens, out of memory at 4 x 4,096);
in another project 13,000 tokens of a 4B model's took 70 GiB and an A100 with them (open-rl#99). With
checkpointing the same steps are about a third slower, and fit.

## Wrong

```
cluster one { gpus = 1 ; gpu = "h100" ; memory = 80GiB }
model base { hub = "some/Model-3B" }
stage sft {
  init          = base
  method        = sft
  data          = chats
  micro_batch   = 8
  checkpointing = false
  on            = one
}
```

## Right

```
cluster one { gpus = 1 ; gpu = "h100" ; memory = 80GiB }
model base { hub = "some/Model-3B" }
stage sft {
  init        = base
  method      = sft
  data        = chats
  micro_batch = 8
  on          = one
}
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.memory import GIB, activations, needed, tokens_at_once
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.training import once, place, replace, trainings

RULE = Rule("H919", "activations-do-not-fit", Severity.WARNING)


def check(context: Context) -> Iterator[Finding]:
    yield from once(_check(context))


def _check(context: Context) -> Iterator[Finding]:
    for run in trainings(context):
        if run.stage.checkpointing != "false" or not run.on_gpus:
            continue
        weights, more = needed(run), activations(run)
        memory = run.cluster.memory
        if weights is None or more is None or not weights <= memory < weights + more:
            continue  # model-does-not-fit
        yield Finding(
            f"stage `{run.name}` needs {weights / GIB:,.0f} GiB before, and about {more / GIB:,.0f} for activations",
            place(run.stage, "checkpointing"),
            notes=(f"{tokens_at_once(run):,} tokens at once, on a GPU of {memory / GIB:,.0f} GiB",),
            help="write `checkpointing = auto`, or make the micro batch smaller",
            edits=replace(run.stage, "checkpointing", "auto"),
        )
