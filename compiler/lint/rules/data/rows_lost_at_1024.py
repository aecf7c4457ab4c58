"""Rows of 1,024 tokens that lose what is longer

## What it does

Looks for SFT stages whose rows have at most 1,024 tokens while longer ones are dropped or cut; not
runs of at most 50 steps, which only try something out. Chains of thought have a rule of their own,
`short-rows-for-reasoning`.

## Why is this bad?

1,024 is the length at which TRL cuts rows unless it is told otherwise (trl#3449), and it has been copied from
there. Conversations are longer than one thinks: in the Smol Training Playbook's SFT mixture the mean row of
SystemChats has 630 tokens, with reasoning 1,070, and of s1k-1.1 9,800. The playbook's baseline is 8,192.
This is advice: where all rows are short it is right, and the report says how many were lost.

Source: trl#3449; Smol Training Playbook, post-training chapter (baseline, mixture).

## Wrong

```
stage sft { init = base ; method = sft ; data = chats ; packing = none(length = 1024) ; overlong = truncate }
```

## Right

```
stage sft { init = base ; method = sft ; data = chats ; packing = none(length = 8Ki) ; overlong = truncate }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Label, Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.sources import reasons, sources
from smolc.compiler.lint.training import tried_out
from smolc.compiler.model.methods import Sft

RULE = Rule("D222", "rows-lost-at-1024", Severity.INFO)
SHORT = 1024


def check(context: Context) -> Iterator[Finding]:
    for name in context.recipe.stages:
        for stage in context.runs(name):
            packing = stage.packing
            if not isinstance(stage.method, Sft) or packing.bound > SHORT or tried_out(stage):
                continue
            if stage.overlong in ("error", "split") or packing.word == "wrapped":
                continue
            if any(reasons(source) for source in sources(stage, context)):
                continue  # `short-rows-for-reasoning`
            overlong = stage.span_of("overlong")
            lost = "dropped" if stage.overlong == "drop" else "cut"
            yield Finding(
                f"conversations above {packing.bound:,} tokens are {lost} in stage `{name}`",
                packing.span_of("length"),
                labels=(Label(overlong, "said here"),) if overlong else (),
                help="raise `length`; `overlong = error` tells how many rows do not fit, and how long they are",
            )
            break
