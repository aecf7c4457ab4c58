"""A reference that is not where training starts

## What it does

Looks for `dpo` and `kto` stages whose `reference` names another model or stage than `init`. A second round of
preferences may keep the reference of the first: an SFT stage that both go back to.

## Why is this bad?

The loss compares the model with its reference, and beta holds it there. With another reference the two differ
before the first step: pairs that the start model already prefers more strongly than the reference hardly train,
and the pull is towards a model that nobody meant to return to. SmolLM3's APO, and each preference run of the
Smol Training Playbook, starts from the SFT model and is compared with it. Without `reference` this is so, and
with an adapter it costs no memory either: switching the adapter off gives the reference.

Source: Smol Training Playbook, post-training chapter.

## Wrong

```
stage dpo { init = sft ; method = dpo(reference = base) ; data = pairs }
```

## Right

```
stage dpo { init = sft ; method = dpo ; data = pairs }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Label, Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.stages import REFERENCED, runs_of
from smolc.compiler.model.methods import Dpo, Kto, Sft
from smolc.compiler.model.recipe import Recipe
from smolc.compiler.model.stage import Stage
from smolc.compiler.plan.defaults import PREFERENCES

RULE = Rule("P507", "reference-is-not-init", Severity.WARNING)


def check(context: Context) -> Iterator[Finding]:
    seen = set()
    for name, run in runs_of(context, *REFERENCED):
        if not isinstance(run.method, (Dpo, Kto)):
            continue
        reference = run.method.reference
        if reference is None or reference.name == run.init.name or reference.span in seen:
            continue
        if _second_round(run, context.recipe):
            continue
        seen.add(reference.span)
        yield Finding(
            f"stage `{name}` starts from `{run.init}` and is held to `{reference}`",
            reference.span,
            labels=(Label(run.init.span, "starts from here"),),
            notes=("the two differ before the first step, and beta pulls towards the reference",),
            help="leave `reference` out: it is then what `init` names",
        )


def _second_round(run: Stage, recipe: Recipe) -> bool:
    """Whether a stage goes on from preferences, and is held to the SFT that they started from."""
    assert isinstance(run.method, (Dpo, Kto)) and run.method.reference is not None
    earlier = recipe.stages.get(run.init.name)
    while earlier is not None and isinstance(earlier.method, PREFERENCES):
        link = earlier.init
        earlier = recipe.stages.get(link.name)
        if link.name == run.method.reference.name:
            return earlier is None or isinstance(earlier.method, Sft)
    return False
