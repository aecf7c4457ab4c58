"""A source that is seen more often than helped where it was measured

## What it does

Looks for shares that may repeat their source (`at_most`) so often that, with the epochs of the stage, its
rows are trained more than 5 times.

## Why is this bad?

`at_most` repeats a source within one pass over the mixture, and the stage's `length` repeats the mixture:
`at_most = 4epoch` in a stage of 3 epochs is 12 times. The Smol Training Playbook measured SFT from 1 to 5
epochs: IFEval went on rising (70.5 to 78.0), but LiveCodeBench was best at 3 and AIME25 at 4. Nothing was
measured beyond 5; what rows teach after that is mostly themselves.

Source: Smol Training Playbook, post-training chapter (SFT, number of epochs).

## Wrong

```
mixture skills { chats = all ; maths = share(20%, at_most = 4epoch) }
stage sft { init = base ; method = sft ; data = skills ; length = 3epoch }
```

## Right

```
mixture skills { chats = all ; maths = share(20%, at_most = 1.5epoch) }
stage sft { init = base ; method = sft ; data = skills ; length = 3epoch }
```

Or give it a smaller share, or more rows.
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Label, Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.model.data import Share

RULE = Rule("D202", "source-repeated-often", Severity.WARNING)
MEASURED = 5


def check(context: Context) -> Iterator[Finding]:
    seen = set()
    for name in context.recipe.stages:
        for stage in context.runs(name):
            mixture = context.recipe.mixtures.get(stage.data.name)
            if mixture is None:
                continue
            epochs = float(stage.length.value) if stage.length.unit == "epoch" else 1.0
            for row in mixture.rows:
                weight = row.weight
                if not isinstance(weight, Share) or weight.epochs <= 1:
                    continue
                times = weight.epochs * epochs
                span = weight.span_of("at_most")
                if times <= MEASURED * (1 + 1e-9) or span in seen:
                    continue
                seen.add(span)
                length = stage.span_of("length") if stage.given("length") and epochs != 1 else None
                most = MEASURED / epochs
                yield Finding(
                    f"the rows of `{row.split or row.dataset.name}` may be trained {times:g} times in stage `{name}`",
                    span,
                    labels=(Label(length, f"each pass is made {epochs:g} times"),) if length else (),
                    notes=("the playbook measured up to 5 epochs: LiveCodeBench was best at 3, AIME25 at 4",),
                    help=f"write `at_most = {most:.3g}epoch`, or a smaller share"
                    if most >= 1
                    else "leave `at_most` out, and train for fewer epochs",
                )
