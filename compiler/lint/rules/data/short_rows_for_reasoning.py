"""Reasoning in rows that are too short for it

## What it does

Looks for stages that train on chains of thought (sources whose names end in `_think`, and s1k, OpenThoughts,
OpenR1 and Mixture-of-Thoughts on the hub), drop or cut what is too long, and have rows below 8,192 tokens.

## Why is this bad?

The longest chains of thought are those of the hardest problems, and they are what is lost: a dropped one is
not learnt from, a cut one has no answer. The 835 traces of s1k-1.1 have 8.2M tokens, 9,800 each on average.
The Smol Training Playbook trains reasoning with rows of 32,768 tokens, and SmolLM3 with 65,536.

Source: Smol Training Playbook, post-training chapter (baseline, mixture).

## Wrong

```
stage sft { init = base ; method = sft ; data = traces_think ; packing = best_fit(length = 4Ki) ; overlong = drop }
```

## Right

```
stage sft { init = base ; method = sft ; data = traces_think ; packing = best_fit(length = 32Ki) ; overlong = drop }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Label, Severity
from smolc.compiler.lint.context import Context, first
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.sources import Source, reasons, sources

RULE = Rule("D221", "short-rows-for-reasoning", Severity.WARNING)
SHORT = 8192
TRACES = ("s1k", "openthoughts", "openr1", "mixture-of-thoughts")


def check(context: Context) -> Iterator[Finding]:
    for name in context.recipe.stages:
        for stage in context.runs(name):
            length = stage.packing.bound
            if stage.overlong in ("error", "split") or stage.packing.word == "wrapped" or length >= SHORT:
                continue
            source = next((s for s in sources(stage, context) if _long(s)), None)
            if source is None:
                continue
            lost = "dropped" if stage.overlong == "drop" else "cut off"
            yield Finding(
                f"chains of thought above {length:,} tokens are {lost} in stage `{name}`",
                first(stage.packing.span_of("length"), stage.span_of("overlong")),
                labels=(Label(source.span, "reasoning"),) if source.span else (),
                notes=(
                    "the traces of s1k-1.1 have 9,800 tokens on average; the playbook's rows have 32,768",
                ),
                help="write `length = 32Ki`, or leave `overlong` out to be told of every row that does not fit",
            )
            break


def _long(source: Source) -> bool:
    hub = (source.dataset.hub or "").lower()
    return reasons(source) or any(name in hub for name in TRACES)
