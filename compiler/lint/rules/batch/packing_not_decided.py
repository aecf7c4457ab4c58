"""SFT on GPUs that does not say whether rows are packed

## What it does

Looks for `cpt` and `sft` stages on GPUs that leave `packing` out, which means one conversation a row, padded.

## Why is this bad?

Chats differ in length, so most of a padded batch is padding. An epoch of the Smol Training Playbook's SFT took
118 minutes unpacked and 22 to 31 packed; a 3B model on one H100 trained 4,300 tokens per second padded, 8,839
packed with the same kernel, and 16,651 with the one that `auto` takes. On a small set unpacked can be right
all the same, since packing changes what a batch is (`packing-without-token-batch`). Either is fine; to have
decided is better. `packing = none(length = 4Ki)` is a decision too.

Source: Smol Training Playbook, post-training chapter.

## Wrong

```
cluster node { gpus = 8 }
stage sft { init = base ; method = sft ; data = chats ; on = node }
```

## Right

```
cluster node { gpus = 8 }
stage sft {
  init    = base
  method  = sft
  data    = chats
  packing = best_fit(length = 4Ki)
  batch   = 64Kitok                 # as many as 128 chats of 512 tokens
  on      = node
}
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.training import once, trainings
from smolc.compiler.model.methods import Cpt, Sft

RULE = Rule("B308", "packing-not-decided", Severity.INFO)


def check(context: Context) -> Iterator[Finding]:
    yield from once(_check(context))


def _check(context: Context) -> Iterator[Finding]:
    for run in trainings(context):
        if not run.on_gpus or run.stage.given("packing") or not isinstance(run.stage.method, (Cpt, Sft)):
            continue
        yield Finding(
            f"stage `{run.name}` trains padded rows, since it does not say otherwise",
            run.stage.span,
            notes=("an epoch of the playbook's SFT took 118 minutes padded and 22 to 31 packed",),
            help="write `packing = best_fit(length = 4Ki)` and a batch in tokens, or `packing = none(length = 4Ki)`",
        )
