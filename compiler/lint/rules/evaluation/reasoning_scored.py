"""A chain of thought that is scored

## What it does

Looks for evals with `strip = nothing` of a stage whose template has `thinking` tags.

## Why is this bad?

Metrics then see the thinking as part of the answer: a draft that meets IFEval's constraints counts, a number
in the thinking is taken for the result, and a forbidden word in it fails an answer that does not have it. With
the thinking taken out, IFEval of a Qwen3-1.7B went from 28.4 to 58.8 in lm-eval (lm-eval#3240); lighteval
scored it, too (lighteval#790, lighteval#869). The Smol Training Playbook strips the chain of thought.

Source: Smol Training Playbook, post-training chapter (evals); lm-eval#3240, lighteval#790, lighteval#869.

## Wrong

```
template chat { builtin = smollm3; thinking = tags("<think>", "</think>") }
eval final { of = sft ; tasks = ifeval(avg = 4) ; decode = sample ; strip = nothing }
```

## Right

```
template chat { builtin = smollm3; thinking = tags("<think>", "</think>") }
eval final { of = sft ; tasks = ifeval(avg = 4) ; decode = sample ; strip = thinking }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Edit, Label, Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.reasoning import reasoning_subject
from smolc.compiler.lint.rule import Finding, Rule

RULE = Rule("E608", "reasoning-scored", Severity.WARNING)


def check(context: Context) -> Iterator[Finding]:
    for name, evaluation in context.recipe.evals.items():
        subject = reasoning_subject(evaluation, context.recipe) if evaluation.strip == "nothing" else None
        if subject is None:
            continue
        span, there = evaluation.span_of("strip"), subject[1].span_of("thinking")
        yield Finding(
            f"eval `{name}` scores what `{subject[0]}` thinks as part of its answer",
            span,
            labels=(Label(there, "the tags around it"),) if there else (),
            help="write `strip = thinking`, or leave it out",
            edits=(Edit(span, "thinking"),) if span else (),
        )
