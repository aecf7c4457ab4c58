"""The same model twice in one eval

## What it does

Looks for evals whose `of` names one model twice: by the same name, or as `sft` and `sft.best`, which are the
same (a stage with a grid is its winner).

## Why is this bad?

Each entry is loaded and measured anew. Evals are a large part of a run's time, as problems are answered many
times (avg@64 for AIME25 in the Smol Training Playbook, up to 32,768 tokens each), and what comes out is the same
number in two rows, which reads like a result.

Source: Smol Training Playbook, post-training chapter (evals).

## Wrong

```
eval final { of = [base, sft, sft.best] ; tasks = mmlu_pro }
```

## Right

```
eval final { of = [base, sft] ; tasks = mmlu_pro }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Label, Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.model.types import Link

RULE = Rule("E614", "model-measured-twice", Severity.WARNING)


def check(context: Context) -> Iterator[Finding]:
    for name, evaluation in context.recipe.evals.items():
        seen: dict[str, Link] = {}
        for link in evaluation.of:
            same = seen.setdefault(link.name, link)
            if same is link:
                continue
            yield Finding(
                f"eval `{name}` measures `{link.name}` twice",
                link.span,
                labels=(Label(same.span, "the first time"),),
                notes=("a stage with a grid is its winner: `.best` says the same",)
                if link.part or same.part
                else (),
                help="take one of them out",
            )
