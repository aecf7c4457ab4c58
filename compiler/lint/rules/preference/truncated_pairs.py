"""Preferences whose answers are cut

## What it does

Looks for `dpo`, `orpo` and `kto` stages with `overlong = truncate`.

## Why is this bad?

A cut answer has no end of turn, and what made it the better one may be gone. In a pair the longer answer is cut
more, so that the loss compares a whole answer with the beginning of another; in reasoning data, where that is
the chain of thought, neither may have an answer left. Answers that were cut to nothing have ended runs in NaN
(trl#5826, trl#3382), and other stacks cut at 1,024 tokens without a word (trl#3449). smolc leaves out pairs of
which nothing different remains, and the report counts the rest.

Source: trl#5826, trl#3382, trl#3449.

## Wrong

```
stage dpo { init = sft ; method = dpo ; data = pairs ; packing = none(length = 2Ki) ; overlong = truncate }
```

## Right

```
stage dpo { init = sft ; method = dpo ; data = pairs ; packing = none(length = 8Ki) ; overlong = drop }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Edit, Severity
from smolc.compiler.lint.context import Context, first
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.stages import runs_of
from smolc.compiler.plan.defaults import PREFERENCES

RULE = Rule("P514", "truncated-preferences", Severity.WARNING)


def check(context: Context) -> Iterator[Finding]:
    seen = set()
    for name, run in runs_of(context, *PREFERENCES):
        span = first(run.span_of("overlong"), run.span)
        if run.overlong != "truncate" or span in seen:
            continue
        seen.add(span)
        yield Finding(
            f"stage `{name}` cuts answers longer than {run.packing.length:,} tokens: they lose their end",
            span,
            help="write `overlong = drop`, and raise the packing's `length` if that drops many",
            edits=(Edit(span, "drop"),) if span else (),
        )
