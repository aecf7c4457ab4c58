"""Adapters on the attention layers alone

## What it does

Looks for `targets` of `lora` and `qlora` that name only layers of attention (`q_proj`, `k_proj`, `v_proj`,
`o_proj` and their like in other architectures).

## Why is this bad?

Most of a model's weights are in its MLPs, and that is where an adapter learns. In "LoRA Without Regret"
adapters on attention alone lose against adapters on the MLP even when the rank is raised until both have
equally many parameters, and together with the MLP they add little. `["q_proj", "v_proj"]` is the default of
older libraries and of copied settings (peft#735), not advice.

Source: "LoRA Without Regret", and TRL's guide to it.

## Wrong

```
stage sft {
  init    = base
  method  = sft
  data    = chats
  adapter = lora(rank = 64, targets = ["q_proj", "v_proj"])
}
```

## Right

```
stage sft {
  init    = base
  method  = sft
  data    = chats
  adapter = lora(rank = 64)         # all linear layers
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

RULE = Rule("O411", "lora-on-attention-only", Severity.WARNING)
ATTENTION = frozenset(
    {
        "q_proj", "k_proj", "v_proj", "o_proj", "qkv_proj", "out_proj", "query_key_value", "c_attn", "Wqkv", "W_pack",
        "wq", "wk", "wv", "wo", "query", "key", "value",
    }
)  # fmt: skip


def check(context: Context) -> Iterator[Finding]:
    yield from once(_check(context))


def _check(context: Context) -> Iterator[Finding]:
    for name, stage in each_run(context):
        adapter = stage.adapter
        if not isinstance(adapter, Lora) or not adapter.targets:
            continue
        if not ATTENTION.issuperset(target.rpartition(".")[2] for target in adapter.targets):
            continue
        yield Finding(
            f"stage `{name}` adapts the attention layers only",
            adapter.span_of("targets"),
            notes=("adapters on all linear layers learn more, also at equally many parameters",),
            help="leave `targets` out: then all linear layers get one",
        )
