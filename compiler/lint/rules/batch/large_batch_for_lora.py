"""An adapter trained with a large batch

## What it does

Looks for `cpt` and `sft` stages with `lora` or `qlora` whose batch is more than 32 sequences, or 32 packed
rows, also where it is the default.

## Why is this bad?

In "LoRA Without Regret" adapters lost more than full fine-tuning did when the batch grew, and a higher rank did
not make up for it: below 32 sequences the two were equal. The default of 128 is full fine-tuning's, from the
Smol Training Playbook's baseline, and a number copied from such a recipe is as large.

Source: "LoRA Without Regret", and TRL's guide to it.

## Wrong

```
stage sft {
  init    = base
  method  = sft
  data    = chats
  adapter = lora
  batch   = 128seq
}
```

## Right

```
stage sft {
  init    = base
  method  = sft
  data    = chats
  adapter = lora
  batch   = 16seq
}
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Label, Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.training import each_run, once, place
from smolc.compiler.model.methods import Cpt, Fit, Lora, Sft
from smolc.compiler.plan.defaults import batch

RULE = Rule("B302", "large-batch-for-lora", Severity.INFO)
LARGEST = 32


def check(context: Context) -> Iterator[Finding]:
    yield from once(_check(context))


def _check(context: Context) -> Iterator[Finding]:
    for name, stage in each_run(context):
        adapter = stage.adapter
        if not isinstance(adapter, Lora) or not isinstance(stage.method, (Cpt, Sft)):
            continue
        size, given = batch(stage), stage.batch is not None
        rows = size.value if size.unit == "seq" else size.value / stage.packing.bound
        if rows <= LARGEST:
            continue
        in_tokens = stage.packed and not isinstance(stage.packing.length, Fit)
        what = "packed rows" if stage.packed else "sequences"
        yield Finding(
            f"stage `{name}` trains an adapter with {'' if given else 'the default of '}{rows:,.0f} {what} a step",
            place(stage, "batch" if given else "adapter"),
            labels=(Label(adapter.span, "the adapter"),) if given and adapter.span else (),
            notes=("large batches cost adapters more than full fine-tuning, at any rank",),
            help=f"try a batch below {LARGEST} {what}"
            + (f": `batch = {16 * stage.packing.bound}tok`" if in_tokens else ": `batch = 16seq`"),
        )
