"""Reasoning that no eval knows of

## What it does

Looks for evals that strip reasoning (the default) of a stage whose chat template writes `<think>` tags and has
no `thinking = tags(...)` in its block, unless thinking is switched off. With a shipped template, which writes
tags only around reasoning that is there, only where a stage has learnt from a source that holds reasoning by its
name (`_think`), or the start model reasons by its name.

## Why is this bad?

Which tags stand around a chain of thought is only known from the recipe. Without it nothing is stripped, and
what the model thinks is scored as part of its answer: IFEval of a Qwen3-1.7B was 28.4 with its thinking and
58.8 without (lm-eval#3240). The Smol Training Playbook strips the chain of thought from all that is scored.

Source: Smol Training Playbook, post-training chapter (evals); lm-eval#3240.

## Wrong

```
template chat { builtin = qwen3 }
stage sft { init = base ; method = sft ; data = traces_think ; template = chat }
eval final { of = sft ; tasks = gsm_plus ; decode = sample }
```

## Right

```
template chat { builtin = qwen3; thinking = tags("<think>", "</think>") }
stage sft { init = base ; method = sft ; data = traces_think ; template = chat }
eval final { of = sft ; tasks = gsm_plus ; decode = sample }
```
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from smolc.compiler.diagnostics import Label, Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.sources import reasons, sources
from smolc.compiler.lint.stages import before
from smolc.compiler.model.merge import behind
from smolc.compiler.model.stage import Stage
from smolc.compiler.plan.templates import model_of, template_of

RULE = Rule("E610", "thinking-tags-undeclared", Severity.WARNING)
_REASONER = re.compile(
    r"[-_](?:think|thinking|reasoning|r1)(?![a-z0-9])|qwen3-[0-9.]+b$|smollm3-3b$", re.IGNORECASE
)
"""Models that think before they answer unless they are told not to."""


def check(context: Context) -> Iterator[Finding]:
    recipe, seen = context.recipe, set()
    for name, evaluation in recipe.evals.items():
        if evaluation.strip != "thinking":
            continue
        for link in evaluation.of:
            stage = behind(link.name, recipe)
            used = template_of(recipe.stages[stage], recipe) if stage in recipe.stages else None
            if used is None or used in seen:
                continue
            template = recipe.templates[used]
            if (
                template.thinking is not None
                or template.enable_thinking is False
                or not _writes(used, context)
                or (template.builtin is not None and not _reasons(recipe.stages[stage], context))
            ):
                continue
            seen.add(used)
            yield Finding(
                f"template `{used}` writes <think> tags and does not say so: eval `{name}` scores the reasoning",
                template.span_of("builtin" if template.builtin else "file" if template.file else "text"),
                labels=(Label(link.span, "scored with all that it thinks"),),
                help='add `thinking = tags("<think>", "</think>")` to the template',
            )


def _reasons(stage: Stage, context: Context) -> bool:
    """Whether a name says that a stage has learnt to reason, or starts from a model that does."""
    stages = (stage, *before(stage, context.recipe))
    if any(reasons(source) for one in stages for source in sources(one, context)):
        return True
    model = context.recipe.models[model_of(stage, context.recipe)]
    return _REASONER.search(model.hub or model.path or "") is not None


def _writes(template: str, context: Context) -> bool:
    """Whether the text of a template, as it goes into the plan, has an opening tag."""
    texts = context.plan.templates if context.plan is not None else {}
    return "<think>" in texts.get(f"templates/{template}.jinja", "")
