"""GSM8K after training on GSM8K

## What it does

Looks for evals of `gsm8k` in recipes that train on a dataset whose hub id, path or split has `gsm8k` in it,
where no eval has `gsm_plus` or `gsm_plus_mini`.

## Why is this bad?

Trained on its training problems, a model learns GSM8K's forms as well as arithmetic, and the test problems have
the same ones. GSM-Plus perturbs them (other numbers, a distracting fact), so that a gap between the two scores
shows what was only form. The Smol Training Playbook measures maths by GSMPlus (10,000 problems; mini: 2,400)
instead of GSM8K.

Source: Smol Training Playbook, post-training chapter (evals).

## Wrong

```
dataset maths { hub = "openai/gsm8k"; config = "main"; format = prompt_completion("question", "answer") }
stage sft { init = base ; method = sft ; data = maths }
eval final { of = [base, sft] ; tasks = gsm8k(avg = 4) ; decode = sample }
```

## Right

```
dataset maths { hub = "openai/gsm8k"; config = "main"; format = prompt_completion("question", "answer") }
stage sft { init = base ; method = sft ; data = maths }
eval final { of = [base, sft] ; tasks = [gsm8k(avg = 4), gsm_plus_mini] ; decode = sample }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Label, Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.sources import Source, trained

RULE = Rule("E615", "gsm8k-without-gsm-plus", Severity.INFO)


def check(context: Context) -> Iterator[Finding]:
    tasks = {task.word: task for evaluation in context.recipe.evals.values() for task in evaluation.tasks}
    if "gsm8k" not in tasks or "gsm_plus" in tasks or "gsm_plus_mini" in tasks:
        return
    for _, source in trained(context):
        if not _is_gsm8k(source):
            continue
        yield Finding(
            f"`gsm8k` is measured after training on `{source.shown}`: its problems have the same forms",
            tasks["gsm8k"].span,
            labels=(Label(source.span, "trained here"),) if source.span else (),
            help="add `gsm_plus_mini`: the same problems, perturbed",
        )
        return


def _is_gsm8k(source: Source) -> bool:
    dataset = source.dataset
    said = [dataset.hub or "", source.row.split or "" if source.row else "", *(dataset.path or ())]
    return any("gsm8k" in text.lower() for text in said)
