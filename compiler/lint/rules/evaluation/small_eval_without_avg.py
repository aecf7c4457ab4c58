"""A small eval scored once

## What it does

Looks for tasks with at most 200 problems that are answered once each, and, where answers are sampled, for tasks
with fewer than 1,000 (own tasks: where `subset` says so). What a judge grades, and facts hidden in long
texts, are few for other reasons.

## Why is this bad?

A score is a mean over problems, and with few of them chance moves it: the standard error at 50% is 9 points
with the 30 problems of AIME, 3.6 with the 198 of GPQA-Diamond, 2.2 with the 541 of IFEval. Differences
between training runs are often smaller, and sampling adds its own chance to that of the problems. The Smol
Training Playbook averages over k samples a problem under about 2,000 problems: avg@64 for AIME25, avg@16 for
LiveCodeBench, avg@8 for GPQA-Diamond. Greedy answers to some hundreds of problems are common practice, and left
alone here.

That a harness says it repeats is not enough: lm-eval's `repeats` with its default filter scores one answer
and throws the others away (lm-eval#3297); `avg` here is the mean over all.

Source: Smol Training Playbook, post-training chapter (evals).

## Wrong

```
eval final {
  of    = [base, sft]
  tasks = [aime25, gpqa_diamond]
}
```

## Right

```
eval final {
  of     = [base, sft]
  tasks  = [aime25(avg = 64), gpqa_diamond(avg = 8)]
  decode = sample                   # greedy answers would all be the same
}
```
"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil

from smolc.compiler.diagnostics import Edit, Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.model.evaluation import Eval, Sample
from smolc.compiler.model.suite import SUITE
from smolc.compiler.model.tasks import SuiteTask

RULE = Rule("E602", "small-eval-without-avg", Severity.WARNING)
STABLE = 2000
"""Answers from which on the playbook calls a score stable."""
ENOUGH, ENOUGH_GREEDY = 1000, 201
MOST = 64


def check(context: Context) -> Iterator[Finding]:
    for evaluation in context.recipe.evals.values():
        enough = ENOUGH if _sampled(evaluation) else ENOUGH_GREEDY
        for task in evaluation.tasks:
            if task.avg == 1 and SUITE[task.word].type not in ("needle", "judged"):
                yield from _suite(task, evaluation, enough)
        for name, own in evaluation.task.items():
            if own.avg == 1 and own.subset is not None and own.subset < enough:
                k = _samples(own.subset)
                help = f"add `avg = {k}` to the task{_decode(evaluation)}"
                yield Finding(
                    _message(name, own.subset), own.span_of("subset"), notes=(_note(own.subset),), help=help
                )


def _suite(task: SuiteTask, evaluation: Eval, enough: int) -> Iterator[Finding]:
    entry = SUITE[task.word]
    problems = min(task.subset or entry.problems, entry.problems)
    if problems >= enough:
        return
    k = entry.k if entry.k > 1 else _samples(problems)
    bare = task.span is not None and task.span.text == task.word
    yield Finding(
        _message(task.word, problems),
        task.span,
        notes=(_note(problems),),
        help=f"write `{task.word}(avg = {k})`{_decode(evaluation)}"
        if bare
        else f"add `avg = {k}`{_decode(evaluation)}",
        edits=(Edit(task.span, f"{task.word}(avg = {k})"),) if bare and task.span else (),
    )


def _samples(problems: int) -> int:
    return max(2, min(MOST, ceil(STABLE / problems)))


def _message(name: str, problems: int) -> str:
    return f"`{name}` has {problems:,} problems, and each is answered once"


def _note(problems: int) -> str:
    return f"the standard error of a score of 50% on {problems:,} answers is {50 / problems**0.5:.1f} points"


def _sampled(evaluation: Eval) -> bool:
    return isinstance(evaluation.decode, Sample) and evaluation.decode.temperature > 0


def _decode(evaluation: Eval) -> str:
    return "" if _sampled(evaluation) else ", and `decode = sample`: greedy answers are all the same"
