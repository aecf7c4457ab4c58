"""A merge that nobody looks at

## What it does

Looks for merges that no eval measures, that no stage starts from or is compared with, and that go into no other merge.

## Why is this bad?

A merge has no loss curve: nothing tells whether the mean of two good models is a good one but an eval of it, beside what
it was made of. In the Smol Training Playbook SmolLM3's last merge (0.9 of a soup of APO checkpoints, 0.1 of a
mid-training checkpoint) won back what preferences had cost on long contexts, which only a long-context eval (RULER) shows.

Source: Smol Training Playbook, post-training chapter.

## Wrong

```
merge final { of = [sft, base] }
```

## Right

```
merge final { of = [sft, base] }
eval last { of = [base, sft, final] ; tasks = ifeval }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.model.methods import Dpo, Kto

RULE = Rule("M003", "merge-not-measured", Severity.WARNING)


def check(context: Context) -> Iterator[Finding]:
    recipe = context.recipe
    used = {link.name for evaluation in recipe.evals.values() for link in evaluation.of}
    used |= {link.name for merge in recipe.merges.values() for link in merge.of}
    used |= {made.of.name for made in recipe.generates.values()}
    for stage in (run.stage for runs in recipe.runs.values() for run in runs):
        used.add(stage.init.name)
        if isinstance(stage.method, (Dpo, Kto)) and stage.method.reference is not None:
            used.add(stage.method.reference.name)
    for name, merge in recipe.merges.items():
        if name not in used:
            yield Finding(
                f"nothing measures merge `{name}`",
                merge.span,
                help=f"add `{name}` to the `of` of an eval, beside what it is made of",
            )
