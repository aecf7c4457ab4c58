"""An adapter that counts for much more, or less, than where its learning rate comes from

## What it does

Compares the scale of an adapter (`alpha / rank`, or `alpha / sqrt(rank)` with `scaling = rsqrt`) with that of
`alpha = 32` at the same rank, and speaks up where it is more than four times larger or
smaller. (`rank = 64, alpha = 128` is exactly four.)

## Why is this bad?

The scale multiplies what the adapter does, and so, nearly, the learning rate. The advice for that rate (ten
times full fine-tuning's, at any rank) was measured in "LoRA Without Regret" with alpha = 32 and 1 / rank. The
habit of `alpha = 2 x rank` comes from ranks of 8 to 16, where it is the same thing; at rank 256 it is 16 times
as much. So is `scaling = rsqrt` with the alpha of the other. Users ask what alpha does (bitsandbytes#762), and
change it without the rate (prime-rl#1567).

Source: "LoRA Without Regret", and TRL's guide to it.

## Wrong

```
stage sft {
  init    = base
  method  = sft
  data    = chats
  adapter = lora(rank = 256, alpha = 512)
  optim   = adamw(lr = 1e-4)
}
```

## Right

```
stage sft {
  init    = base
  method  = sft
  data    = chats
  adapter = lora(rank = 256)        # alpha = 32
  optim   = adamw(lr = 1e-4)
}
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.training import each_run, once
from smolc.compiler.model.methods import Lora

RULE = Rule("O414", "lora-scale-untested", Severity.INFO)
ALPHA = 32.0
TIMES = 4


def check(context: Context) -> Iterator[Finding]:
    yield from once(_check(context))


def _check(context: Context) -> Iterator[Finding]:
    for name, stage in each_run(context):
        adapter = stage.adapter
        if not isinstance(adapter, Lora):
            continue
        root = adapter.rank**0.5 if adapter.scaling == "rsqrt" else 1.0
        times = adapter.alpha * root / ALPHA
        if 1 / TIMES <= times <= TIMES:
            continue
        key = "alpha" if adapter.given("alpha") else "scaling"
        said = f"{times:,.3g} times" if times > 1 else f"1/{1 / times:,.3g} of"
        yield Finding(
            f"the adapter of stage `{name}` counts {said} what it does with alpha = 32 and 1 / rank",
            adapter.span_of(key),
            notes=("the usual learning rates for LoRA were measured at that scale",),
            help=f"write `alpha = {ALPHA / root:.3g}`, or tune the learning rate for this scale",
        )
