"""An adapter on the output layer

## What it does

Looks for `lm_head` among the `targets` of adapters.

## Why is this bad?

To save memory the loss is computed from the output layer's own weights, a part of the vocabulary at a time,
so an adapter beside them would never be used nor trained. That is how it was found: adapters on the head
stayed what they were, without a word (trl#4612). TRL refuses such a job now for some methods, but only after the
data has been prepared and the model loaded. Without `targets` all linear layers but the head get an adapter.

## Wrong

```
stage sft {
  init    = base
  method  = sft
  data    = chats
  adapter = lora(targets = ["q_proj", "down_proj", "lm_head"])
}
```

## Right

```
stage sft {
  init    = base
  method  = sft
  data    = chats
  adapter = lora                    # all linear layers but the head
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

RULE = Rule("O413", "lora-on-the-head", Severity.ERROR)
HEAD = "lm_head"


def check(context: Context) -> Iterator[Finding]:
    yield from once(_check(context))


def _check(context: Context) -> Iterator[Finding]:
    for name, stage in each_run(context):
        adapter = stage.adapter
        if not isinstance(adapter, Lora):
            continue
        if HEAD not in {target.rpartition(".")[2] for target in adapter.targets or ()}:
            continue
        yield Finding(
            f"stage `{name}` puts an adapter on the output layer, where it cannot be trained",
            adapter.span_of("targets"),
            help=f"take `{HEAD}` out, or leave `targets` out for all linear layers",
        )
