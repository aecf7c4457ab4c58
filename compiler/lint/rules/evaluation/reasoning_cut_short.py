"""A limit that cuts the chain of thought

## What it does

Looks for evals of a stage whose template has `thinking` tags where an answer may have fewer than 8,192 tokens,
by the eval's `decode` or a task's own `max_new`. Of the default limit of greedy decoding, `greedy-reasoning`
speaks: `sample` has another.

## Why is this bad?

Thinking that has not ended when the limit is reached leaves nothing to score: the answer is wrong, however good
the thinking was, and longer thinking looks like a worse model. The Smol Training Playbook gives 32,768 tokens.
Harness defaults are far below (1,280 in lm-eval's IFEval), and an unterminated chain of thought was scored as
if it were the answer (lm-eval#3382).

Source: Smol Training Playbook, post-training chapter (evals); lm-eval#3382.

## Wrong

```
template chat { builtin = smollm3; thinking = tags("<think>", "</think>") }
eval final { of = sft ; tasks = gsm_plus ; decode = sample(max_new = 1Ki) }
```

## Right

```
template chat { builtin = smollm3; thinking = tags("<think>", "</think>") }
eval final { of = sft ; tasks = gsm_plus ; decode = sample(max_new = 32Ki) }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity, Span
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.reasoning import reasoning_subject
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.model.evaluation import Eval
from smolc.compiler.model.tasks import OwnTask, SuiteTask

RULE = Rule("E607", "reasoning-cut-short", Severity.WARNING)
FEWEST = 8192


def check(context: Context) -> Iterator[Finding]:
    for name, evaluation in context.recipe.evals.items():
        short = list(_short(evaluation))
        subject = reasoning_subject(evaluation, context.recipe) if short else None
        for limit, span in short if subject else ():
            assert subject is not None
            yield Finding(
                f"eval `{name}` ends answers after {limit:,} tokens, and `{subject[0]}` thinks first",
                span,
                notes=("what has not ended its chain of thought is scored as no answer",),
                help="the playbook gives 32,768: `max_new = 32Ki`",
            )


def _short(evaluation: Eval) -> Iterator[tuple[int, Span | None]]:
    """Each limit that is too small, once."""
    tasks: list[SuiteTask | OwnTask] = [*evaluation.tasks, *evaluation.task.values()]
    decode = evaluation.decode
    if decode.given("max_new") and decode.max_new < FEWEST and any(task.max_new is None for task in tasks):
        yield decode.max_new, decode.span_of("max_new")
    for task in tasks:
        if task.max_new is not None and task.max_new < FEWEST:
            yield task.max_new, task.span_of("max_new")
