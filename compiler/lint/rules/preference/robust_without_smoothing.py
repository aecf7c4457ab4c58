"""A robust loss that expects no wrong label

## What it does

Looks for `dpo(loss = robust)` without `label_smoothing`.

## Why is this bad?

`label_smoothing` is the part of the labels that are expected to be the wrong way round. At 0, its default, the
robust loss is the sigmoid loss, term by term: a comparison of the two is a run done twice. (`exo_pair` has the
same trap and is refused by the compiler, as by TRL.) And the sigmoid loss is what took AIME25 from 32.6 to 3.1
in the Smol Training Playbook.

Source: Smol Training Playbook, post-training chapter.

## Wrong

```
stage dpo { init = sft ; method = dpo(loss = robust) ; data = pairs }
```

## Right

```
stage dpo { init = sft ; method = dpo(loss = robust, label_smoothing = 10%) ; data = pairs }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.stages import runs_of
from smolc.compiler.model.methods import Dpo

RULE = Rule("P509", "robust-without-smoothing", Severity.WARNING)


def check(context: Context) -> Iterator[Finding]:
    seen = set()
    for name, run in runs_of(context, Dpo):
        method = run.method
        if not isinstance(method, Dpo) or "robust" not in method.loss or method.label_smoothing > 0:
            continue
        span = method.span_of("label_smoothing" if method.given("label_smoothing") else "loss")
        if span in seen:
            continue
        seen.add(span)
        yield Finding(
            f"stage `{name}` has the robust loss without label smoothing: that is the sigmoid loss",
            span,
            help="say how many labels may be wrong, such as `label_smoothing = 10%`",
        )
