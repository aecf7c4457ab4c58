"""Greedy decoding of a model that reasons

## What it does

Looks for evals with `decode = greedy` (the default), or `sample` at temperature 0, of a stage whose template
has `thinking` tags and does not switch thinking off.

## Why is this bad?

A long chain of thought that always takes the likeliest token falls into loops, runs to the limit and is scored
as wrong; what is measured is not how the model will be used. The Smol Training Playbook decodes at temperature
0.6 and top_p 0.95, up to 32,768 tokens, and averages. lm-eval runs its AIME tasks greedily unless told
otherwise.

Source: Smol Training Playbook, post-training chapter (evals).

## Wrong

```
template chat { builtin = smollm3; thinking = tags("<think>", "</think>") }
eval final { of = sft ; tasks = aime25 }
```

## Right

```
template chat { builtin = smollm3; thinking = tags("<think>", "</think>") }
eval final { of = sft ; tasks = aime25(avg = 64) ; decode = sample(temperature = 0.6, top_p = 0.95) }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Label, Severity
from smolc.compiler.lint.context import Context, first
from smolc.compiler.lint.reasoning import reasoning_subject
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.model.evaluation import Greedy

RULE = Rule("E606", "greedy-reasoning", Severity.WARNING)


def check(context: Context) -> Iterator[Finding]:
    for name, evaluation in context.recipe.evals.items():
        decode = evaluation.decode
        if not isinstance(decode, Greedy) and decode.temperature > 0:
            continue
        subject = reasoning_subject(evaluation, context.recipe)
        if subject is None:
            continue
        link, template = subject
        there = template.span_of("thinking")
        yield Finding(
            f"eval `{name}` decodes greedily, and `{link}` reasons before it answers",
            first(evaluation.span_of("decode"), evaluation.span),
            labels=(Label(there, "its template has tags for reasoning"),) if there else (),
            help="write `decode = sample(temperature = 0.6, top_p = 0.95)`, as the playbook does",
        )
