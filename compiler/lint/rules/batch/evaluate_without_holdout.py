"""A validation loss of no rows

## What it does

Looks for stages that give `evaluate_every` while their data keeps nothing out of training: a mixture without
`holdout`, or a dataset alone.

## Why is this bad?

There is nothing to evaluate on, so the key does nothing, and the run ends without the curve that was asked
for. Trainers crash on it when the first evaluation is due, hours in (LlamaFactory#744), and Axolotl rejects
it.

## Wrong

```
mixture mix { chats = all }
stage sft {
  init           = base
  method         = sft
  data           = mix
  evaluate_every = 10%
}
```

## Right

```
mixture mix { chats = all ; holdout = 2% }
stage sft {
  init           = base
  method         = sft
  data           = mix
  evaluate_every = 10%
}
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Label, Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.training import without_line

RULE = Rule("B305", "evaluate-without-holdout", Severity.WARNING)


def check(context: Context) -> Iterator[Finding]:
    for name, stage in context.recipe.stages.items():
        if not stage.given("evaluate_every"):
            continue
        data = stage.data.name
        mixture = context.recipe.mixtures.get(data)
        if mixture is not None and mixture.holdout is not None:
            continue
        span = stage.span_of("evaluate_every")
        kept = f"mixture `{data}` keeps" if mixture is not None else f"dataset `{data}` alone keeps"
        yield Finding(
            f"stage `{name}` evaluates on nothing: {kept} no rows out of training",
            span,
            labels=(Label(stage.data.span, "its data"),),
            help=f"add `holdout = 2%` to `{data}`"
            if mixture is not None
            else f"make a mixture of it: `{data} = all`, `holdout = 2%`",
            edits=without_line(span),
        )
