"""Preferences learnt more than twice

## What it does

Looks for `dpo`, `kto` and `simpo` stages that are more than two epochs long, in any run of a grid.

## Why is this bad?

A preference loss is soon satisfied with the pairs it has seen, and goes on by taking the rejected answers
apart. The Smol Training Playbook trains one epoch, as SmolLM3's APO did, and found more training to cost more
than it gives even on new pairs: 50.6 after 17,000 pairs (mean of its evals), 49.0 after 85,000 and 45.3 after
339,000. `orpo` and `cpo` have the loss of SFT in them and are left alone.

Source: Smol Training Playbook, post-training chapter.

## Wrong

```
stage dpo { init = sft ; method = dpo ; data = pairs ; length = 5epoch }
```

## Right

```
stage dpo { init = sft ; method = dpo ; data = pairs ; length = 1epoch }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity
from smolc.compiler.lint.context import Context, first
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.stages import BARE, runs_of

RULE = Rule("P504", "preference-epochs", Severity.WARNING)
MOST = 2


def check(context: Context) -> Iterator[Finding]:
    seen = set()
    for name, run in runs_of(context, *BARE):
        if run.length.unit != "epoch" or run.length.value <= MOST:
            continue
        span = first(run.span_of("length"), run.span)
        if span in seen:
            continue
        seen.add(span)
        yield Finding(
            f"stage `{name}` goes through its preferences {run.length.value:g} times",
            span,
            notes=(
                "the playbook trains one epoch; its evals fell from 50.6 to 45.3 with 20 times the pairs",
            ),
            help="write `length = 1epoch`, and look at the evals before more",
        )
