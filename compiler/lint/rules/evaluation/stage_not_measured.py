"""A stage that nobody looks at

## What it does

Looks for stages that no other stage starts from, that go into no merge, that answer no prompts, that no eval measures,
and whose data keeps nothing out for a validation loss. Runs of at most 50 steps only try something out, and are left
alone; of stages that say `evaluate_every`, `evaluate-without-holdout` speaks.

## Why is this bad?

All that is left of such a run is its training loss, which falls in any case. The Smol Training Playbook's DPO
run with the sigmoid loss looked healthy and gained on IFEval (51.2 to 58.5), while AIME25 went from 32.6 to
3.1; a template that dropped every system prompt was found only by trying the model. One own task with two
hundred rows, or 5% held out, tells more than a loss curve.

Source: Smol Training Playbook, post-training chapter.

## Wrong

```
stage dpo { init = sft ; method = dpo ; data = pairs }
```

## Right

```
stage dpo { init = sft ; method = dpo ; data = pairs }
eval final { of = [sft, dpo] ; tasks = ifeval(avg = 4) ; decode = sample }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.training import tried_out
from smolc.compiler.model.methods import Dpo, Kto
from smolc.compiler.model.pair_uses import models_asked

RULE = Rule("E612", "stage-not-measured", Severity.WARNING)


def check(context: Context) -> Iterator[Finding]:
    recipe = context.recipe
    used = {link.name for evaluation in recipe.evals.values() for link in evaluation.of}
    used |= {link.name for merge in recipe.merges.values() for link in merge.of} | models_asked(recipe)
    for stage in recipe.stages.values():
        used.add(stage.init.name)
        if isinstance(stage.method, (Dpo, Kto)) and stage.method.reference is not None:
            used.add(stage.method.reference.name)
    for name, stage in recipe.stages.items():
        mixture = recipe.mixtures.get(stage.data.name)
        if name in used or tried_out(stage) or stage.given("evaluate_every"):
            continue
        if mixture is not None and mixture.holdout is not None:
            continue
        yield Finding(
            f"nothing measures what stage `{name}` ends with: no eval, no validation loss",
            stage.span,
            help=f"add `{name}` to the `of` of an eval, or `holdout = 5%` to a mixture of its data",
        )
