"""A judge of itself

## What it does

Looks for evals with judged tasks whose `judge` is one of the models in `of`, or the model that one of them was trained
from, by its name in the recipe or on the hub.

## Why is this bad?

Models give better grades to what they wrote themselves, and to what reads like it: GPT-4 favoured itself with a win
rate higher by 10%, Claude-v1 by 25% (Zheng et al. 2023, section 3.3). A model that was trained from the judge still
writes like it, so that it is ahead of others for that alone. The Smol Training Playbook measures alignment by judges,
so that such a lead would pass for alignment.

Source: Zheng et al. 2023, Judging LLM-as-a-Judge with MT-Bench and Chatbot Arena; Smol Training Playbook,
post-training chapter (evals).

## Wrong

```
eval final { of = [base, sft] ; tasks = mt_bench ; judge = base }
```

## Right

```
model grader { hub = "org/grader" ; revision = "0123456789abcdef0123456789abcdef01234567" }
eval final { of = [base, sft] ; tasks = mt_bench ; judge = grader }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Label, Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.model.merge import upstream
from smolc.compiler.model.recipe import Recipe
from smolc.compiler.model.suite import SUITE

RULE = Rule("E651", "judge-among-the-judged", Severity.WARNING)


def check(context: Context) -> Iterator[Finding]:
    for name, evaluation in context.recipe.evals.items():
        judge = evaluation.judge
        if judge is None or not any(SUITE[task.word].type == "judged" for task in evaluation.tasks):
            continue
        own = _called(judge.name, context.recipe)
        for link in evaluation.of:
            if own & _called(link.name, context.recipe):
                what = "is one of the models that it judges"
            elif any(own & _called(one, context.recipe) for one in _from(link.name, context.recipe)):
                what = f"is what `{link.name}` was made from"
            else:
                continue
            yield Finding(
                f"the judge of eval `{name}` {what}",
                judge.span,
                labels=(Label(link.span, "judged by it"),),
                notes=("models prefer what they wrote themselves",),
                help="take a judge of another family",
            )
            break


def _from(name: str, recipe: Recipe) -> Iterator[str]:
    """The stages, merges and models that a stage or a merge goes back to."""
    yield from (one for one in upstream(name, recipe) if one != name)


def _called(name: str, recipe: Recipe) -> set[str]:
    """The name in the recipe, and that on the hub."""
    model = recipe.models.get(name)
    return {name, f"hub {model.hub.lower()}"} if model is not None and model.hub is not None else {name}
