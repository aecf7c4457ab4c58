"""More preferences than help

## What it does

Adds up the pairs of `dpo` and `kto` stages where the recipe says how many they are: what their mixture takes
in rows (`take(200_000seq)`), or steps times batch. Complains above 100,000.

## Why is this bad?

More pairs were no better. The Smol Training Playbook's evals (mean): 49.7 with 1,700 pairs, 50.6 with 17,000,
49.0 with 85,000, 46.5 with 127,000, 45.4 with 169,000 and 45.3 with 339,000; the SFT model had 46.4. Beyond
100,000 a run took longer to end below where it began.

Source: Smol Training Playbook, post-training chapter.

## Wrong

```
mixture taste { pairs = take(300_000seq) }
stage dpo { init = sft ; method = dpo ; data = taste }
```

## Right

```
mixture taste { pairs = take(20_000seq) }
stage dpo { init = sft ; method = dpo ; data = taste }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity, Span
from smolc.compiler.lint.context import Context, first
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.stages import REFERENCED, runs_of
from smolc.compiler.model.data import Take
from smolc.compiler.model.recipe import Recipe
from smolc.compiler.model.stage import Stage
from smolc.compiler.plan.defaults import batch

RULE = Rule("P505", "too-many-preference-pairs", Severity.WARNING)
MOST = 100_000


def check(context: Context) -> Iterator[Finding]:
    seen = set()
    for name, run in runs_of(context, *REFERENCED):
        pairs, span = _pairs(run, context.recipe)
        if pairs <= MOST or span in seen:
            continue
        seen.add(span)
        yield Finding(
            f"stage `{name}` learns from {pairs:,} preferences",
            span,
            notes=("the playbook's evals: 50.6 with 17,000 pairs, 46.5 with 127,000, 45.3 with 339,000",),
            help="take the best 20,000 of them, or compare with a run on fewer",
        )


def _pairs(stage: Stage, recipe: Recipe) -> tuple[int, Span | None]:
    """How many pairs are trained, as far as the recipe says, and where it says so."""
    mixture = recipe.mixtures.get(stage.data.name)
    taken = (
        [r for r in mixture.rows if isinstance(r.weight, Take) and r.weight.amount.unit == "seq"]
        if mixture
        else []
    )
    rows = sum(int(r.weight.amount.value) for r in taken if isinstance(r.weight, Take))
    if stage.length.unit == "step":
        count, size = int(stage.length.value), batch(stage)
        return (count * int(size.value) if size.unit == "seq" else 0), first(
            stage.span_of("length"), stage.span
        )
    return rows, first(taken[-1].span_of("weight") if taken else None, stage.span)
