"""Training data that is a benchmark

## What it does

Knows where the problems of the named evals lie on the hub (`gsm8k`, `math500`, `aime24`, `aime25`, `ifeval`,
`gpqa_diamond`, `mmlu_pro`, `humaneval`, `mbpp`, `gsm_plus`, Global-MMLU), and looks for stages that train on
them. The training splits of GSM8K, MATH and MBPP are for training.

## Why is this bad?

Every score on that benchmark is worth nothing from then on, for this model and for all that are made from
it, and nothing in the logs tells. The Smol Training Playbook warns of contamination and removes whatever
shares n-grams with an eval from its training data. The mistake is easily made with preference pairs: model
answers are published for test problems more often than for training ones.

Source: Smol Training Playbook, post-training chapter (evals).

## Wrong

```
dataset maths { hub = "openai/gsm8k" ; config = "main" ; split = "test" ; format = prompt_completion("question", "answer") }
stage sft { init = base ; method = sft ; data = maths }
```

## Right

```
dataset maths { hub = "openai/gsm8k" ; config = "main" ; split = "train" ; format = prompt_completion("question", "answer") }
stage sft { init = base ; method = sft ; data = maths }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Label, Severity
from smolc.compiler.lint.benchmarks import benchmark
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.sources import trained
from smolc.compiler.model.recipe import Recipe

RULE = Rule("D204", "trained-on-a-benchmark", Severity.WARNING)


def check(context: Context) -> Iterator[Finding]:
    for name, source in trained(context):
        task = benchmark(source.dataset.hub, source.split)
        if task is None:
            continue
        span = (
            source.dataset.span_of("hub") if source.row is None or source.row.split is None else source.span
        )
        measured = _measured(task, context.recipe)
        here = f", which eval `{measured}` measures" if measured else ""
        yield Finding(
            f"stage `{name}` trains on the problems of `{task}`{here}",
            span,
            labels=(Label(source.span, "trained on here"),)
            if source.span and source.span is not span
            else (),
            notes=(
                "a score on problems that were trained says nothing, for this model and all made from it",
            ),
            help="train on other problems, such as the benchmark's training split if it has one",
        )


def _measured(task: str, recipe: Recipe) -> str | None:
    for label, evaluation in recipe.evals.items():
        if any(t.word.startswith(task) for t in evaluation.tasks):
            return label
    return None
