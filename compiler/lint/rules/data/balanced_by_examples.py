"""A mixture whose shares are counted in examples

## What it does

Looks for mixtures that have shares and say `basis = examples`.

## Why is this bad?

A model learns from tokens, and examples differ in length by orders of magnitude. In an SFT mixture of the
Smol Training Playbook, s1k-1.1 is 0.9% of the examples and 10.8% of the tokens (835 reasoning traces among
96,555 rows): counted in examples, its long chains of thought weigh twelve times what the recipe says.

Source: Smol Training Playbook, post-training chapter. A mixture weighted by tokens has been asked for since
2024 (axolotl#1508).

## Wrong

```
mixture sft_mix {
  basis  = examples
  chats  = share(90%)
  traces = share(10%)
}
```

## Right

```
mixture sft_mix {
  chats  = share(90%)
  traces = share(10%)
}
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Edit, Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.model.data import Share

RULE = Rule("D201", "mixture-balanced-by-examples", Severity.WARNING)


def check(context: Context) -> Iterator[Finding]:
    for name, mixture in context.recipe.mixtures.items():
        if mixture.basis != "examples" or not any(isinstance(row.weight, Share) for row in mixture.rows):
            continue
        span = mixture.span_of("basis")
        yield Finding(
            f"mixture `{name}` counts its shares in examples: sources with long rows weigh more than it says",
            span,
            notes=("in the playbook's SFT mixture s1k-1.1 is 0.9% of the examples and 10.8% of the tokens",),
            help="take it out, and shares are shares of tokens",
            edits=(Edit(span, "tokens"),) if span else (),
        )
