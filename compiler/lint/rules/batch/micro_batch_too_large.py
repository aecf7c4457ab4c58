"""More tokens in one forward pass than a GPU holds

## What it does

Looks for stages on GPUs that give a `micro_batch` of more than one sequence and more than 128Ki tokens (pairs
count twice).

## Why is this bad?

Everything that a forward pass makes grows with its tokens; the outputs alone are a number for each token and
word: 128Ki tokens of a vocabulary of 128k are 34 GB in bf16. On one H100, without checkpointing, a 3B model
was fastest with 3 x 4,096 tokens, and out of memory with one sequence more. Memory estimates have long been
asked for (axolotl#848). `auto` takes 16Ki tokens, and the batch of an optimiser step stays what it is.

## Wrong

```
cluster node { gpus = 8 }
stage sft {
  init        = base
  method      = sft
  data        = chats
  packing     = none(length = 8Ki)
  batch       = 256seq
  micro_batch = 32
  on          = node
}
```

## Right

```
cluster node { gpus = 8 }
stage sft {
  init        = base
  method      = sft
  data        = chats
  packing     = none(length = 8Ki)
  batch       = 256seq
  on          = node
}
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.memory import tokens_at_once
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.training import once, replace, trainings

RULE = Rule("B307", "micro-batch-too-large", Severity.WARNING)
MOST = 128 * 1024


def check(context: Context) -> Iterator[Finding]:
    yield from once(_check(context))


def _check(context: Context) -> Iterator[Finding]:
    for run in trainings(context):
        micro = run.stage.micro_batch
        if micro == "auto" or micro == 1 or run.cluster.device == "cpu":
            continue
        tokens = tokens_at_once(run)
        if tokens <= MOST:
            continue
        yield Finding(
            f"stage `{run.name}` puts up to {tokens:,} tokens through the model at once, on each device",
            run.stage.span_of("micro_batch"),
            notes=(
                "a 3B model without checkpointing, on one H100: 12,288 tokens were fastest, 16,384 too many",
            ),
            help="write `micro_batch = auto`: the batch of an optimiser step stays what it is",
            edits=replace(run.stage, "micro_batch", "auto"),
        )
