"""A preference run over more pairs than help

## What it does

Looks for `dpo`, `kto` and `simpo` stages whose length in steps, times their batch, is more than 100,000 pairs, in any
run of a grid.

## Why is this bad?

Longer was no better. The Smol Training Playbook's evals (mean): 49.7 after 1,700 pairs, 50.6 after 17,000, 49.0
after 85,000, 46.5 after 127,000 and 45.3 after 339,000; the SFT model had 46.4. Beyond 100,000 a run took
longer to end where it began, or below. A length in steps hides how much that is, and a larger batch with the
same steps is more.

Source: Smol Training Playbook, post-training chapter.

## Wrong

```
stage dpo { init = sft ; method = dpo ; data = pairs ; batch = 128seq ; length = 2000step }
```

## Right

```
stage dpo { init = sft ; method = dpo ; data = pairs ; batch = 32seq ; length = 600step }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Label, Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.stages import BARE, runs_of
from smolc.compiler.plan.defaults import batch

RULE = Rule("P505", "long-preference-run", Severity.WARNING)
MOST = 100_000


def check(context: Context) -> Iterator[Finding]:
    seen = set()
    for name, run in runs_of(context, *BARE):
        size = batch(run)
        pairs = int(run.length.value * size.value)
        span, there = run.span_of("length"), run.span_of("batch")
        if run.length.unit != "step" or size.unit != "seq" or pairs <= MOST or (span, there) in seen:
            continue
        seen.add((span, there))
        yield Finding(
            f"stage `{name}` learns from {pairs:,} pairs: {run.length.value:,} steps of {size.value:,}",
            span,
            labels=(Label(there, "the batch"),) if there and run.batch is not None else (),
            notes=("the playbook's evals: 50.6 after 17,000 pairs, 46.5 after 127,000, 45.3 after 339,000",),
            help=f"try {max(1, 20_000 // int(size.value)):,} steps, which are 20,000 pairs, before more",
        )
