"""Adapter targets that are not names of layers

## What it does

Looks in `targets` for words that mean all layers in other tools (`all-linear`, `all`) and for regular
expressions. `targets` is a list of names here, or of the ends of names.

## Why is this bad?

No layer is called that, so training refuses the job, after the data has been prepared and the model loaded:
"Target modules ... not found in the base model" is one of the most frequent reports there are about adapters
(deep-learning-pytorch-huggingface#43, LlamaFactory#1785). Axolotl rejects wrong patterns before it starts.

## Wrong

```
stage sft {
  init    = base
  method  = sft
  data    = chats
  adapter = lora(rank = 64, targets = "all-linear")
}
```

## Right

```
stage sft {
  init    = base
  method  = sft
  data    = chats
  adapter = lora(rank = 64)         # without `targets`, all linear layers
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

RULE = Rule("O412", "lora-targets-no-layer", Severity.ERROR)
ALL = frozenset({"all-linear", "all_linear", "all-layers", "all", "auto", ""})
PATTERN = frozenset("*+?[]()|^$\\{}, ")
"""Characters that no layer's name has."""


def check(context: Context) -> Iterator[Finding]:
    yield from once(_check(context))


def _check(context: Context) -> Iterator[Finding]:
    for name, stage in each_run(context):
        adapter = stage.adapter
        if not isinstance(adapter, Lora) or not adapter.targets:
            continue
        for target in adapter.targets:
            everything = target.strip().lower() in ALL
            if not everything and PATTERN.isdisjoint(target):
                continue
            yield Finding(
                f"stage `{name}`: no layer is called `{target}`",
                adapter.span_of("targets"),
                help="leave `targets` out: then all linear layers get an adapter"
                if everything
                else 'list names, or their ends: `targets = ["up_proj", "down_proj"]`',
            )
