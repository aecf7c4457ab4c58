"""More preference pairs than help

## What it does

Adds up what the mixture of a `dpo`, `orpo`, `cpo` or `simpo` stage takes in numbers of rows (`take(...seq)`), and complains
above 100,000 pairs. Sources whose size the recipe does not say are not counted.

## Why is this bad?

More pairs made the model worse. The Smol Training Playbook measured (mean of its evals; the SFT model scored
46.4): 49.7 with 1,700 pairs, 50.6 with 17,000, 49.0 with 85,000, 46.5 with 127,000, 45.4 with 169,000 and
45.3 with 339,000. What helps is how far chosen and rejected are apart: answers of a strong model against
those of a weak one.

Source: Smol Training Playbook, post-training chapter (preference optimisation).

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

from smolc.compiler.diagnostics import Label, Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.model.data import Take
from smolc.compiler.plan.defaults import PAIRED

RULE = Rule("D216", "too-many-pairs", Severity.WARNING)
MOST = 100_000


def check(context: Context) -> Iterator[Finding]:
    seen = set()
    for name in context.recipe.stages:
        for stage in context.runs(name):
            mixture = context.recipe.mixtures.get(stage.data.name)
            if mixture is None or stage.data.name in seen or not isinstance(stage.method, PAIRED):
                continue
            seen.add(stage.data.name)
            weights = [row.weight for row in mixture.rows]
            taken = [w for w in weights if isinstance(w, Take) and w.amount.unit == "seq"]
            pairs = sum(int(take.amount.value) for take in taken)
            if pairs <= MOST:
                continue
            most = max(taken, key=lambda take: take.amount.value)
            others = [take.span_of("amount") for take in taken if take is not most]
            yield Finding(
                f"stage `{name}` learns from {pairs:,} pairs or more",
                most.span_of("amount"),
                labels=tuple(Label(span, "and these") for span in others[:3] if span),
                notes=(
                    "the playbook's scores were best at 17,000 pairs, and below the SFT model's at 169,000",
                ),
                help="take 10,000 to 50,000, those whose answers differ most: `take(20_000seq)`",
            )
