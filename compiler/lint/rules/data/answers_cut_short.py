"""Preference answers that are cut

## What it does

Looks for preference stages (`dpo`, `orpo`, `cpo`, `simpo`, `kto`) with `overlong = truncate`. Runs of at most 50
steps only try something out, and are left alone.

## Why is this bad?

A cut answer has lost its end, and its end of turn. Where the chosen one is cut, the model learns to prefer
answers that do not stop; where both are, the difference may have been in what is gone. Completions that were
cut away altogether made the loss NaN (trl#5826, trl#3382). Dropped pairs are counted in the report, and there
are enough: the Smol Training Playbook was best with 17,000 pairs of 339,000.

Source: trl#5826, trl#3382; Smol Training Playbook, post-training chapter (preference optimisation).

## Wrong

```
stage dpo { init = sft ; method = dpo ; data = pairs ; packing = none(length = 2Ki) ; overlong = truncate }
```

## Right

```
stage dpo { init = sft ; method = dpo ; data = pairs ; packing = none(length = 2Ki) ; overlong = drop }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Edit, Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.training import tried_out
from smolc.compiler.plan.defaults import PREFERENCES

RULE = Rule("D219", "answers-cut-short", Severity.WARNING)


def check(context: Context) -> Iterator[Finding]:
    for name in context.recipe.stages:
        for stage in context.runs(name):
            if stage.overlong != "truncate" or not isinstance(stage.method, PREFERENCES) or tried_out(stage):
                continue
            span = stage.span_of("overlong")
            yield Finding(
                f"stage `{name}` cuts answers that are too long: they lose their end of turn",
                span,
                notes=("a model that prefers answers without an end learns not to stop",),
                help="write `overlong = drop`, which the report counts, or raise the packing's `length`",
                edits=(Edit(span, "drop"),) if span and span.text == "truncate" else (),
            )
            break
