"""One eval of models with different tags around their reasoning

## What it does

Looks for evals of stages whose templates declare different `thinking` tags, while the reasoning is stripped.

## Why is this bad?

An eval strips one pair of tags, that of the first model that has some. What the other models think stays in
their answers and is scored: they lose where an answer must be short, and gain where a number in their thinking
happens to be right. A comparison is what the eval was for. With thinking left in, IFEval of a Qwen3-1.7B was
28.4 instead of 58.8 (lm-eval#3240).

Source: lm-eval#3240.

## Wrong

```
template one { builtin = smollm3; thinking = tags("<think>", "</think>") }
template two { file = "two.jinja"; thinking = tags("[THINK]", "[/THINK]") }
stage a { init = base ; method = sft ; data = chats ; template = one }
stage b { init = base ; method = sft ; data = chats ; template = two }
eval final { of = [a, b] ; tasks = gsm_plus ; decode = sample }
```

## Right

```
template one { builtin = smollm3; thinking = tags("<think>", "</think>") }
template two { file = "two.jinja"; thinking = tags("[THINK]", "[/THINK]") }
stage a { init = base ; method = sft ; data = chats ; template = one }
stage b { init = base ; method = sft ; data = chats ; template = two }
eval final_a { of = a ; tasks = gsm_plus ; decode = sample }
eval final_b { of = b ; tasks = gsm_plus ; decode = sample }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Label, Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.reasoning import template_of_stage
from smolc.compiler.lint.rule import Finding, Rule

RULE = Rule("E609", "thinking-tags-differ", Severity.WARNING)


def check(context: Context) -> Iterator[Finding]:
    recipe = context.recipe
    for name, evaluation in recipe.evals.items():
        if evaluation.strip != "thinking" or len(evaluation.of) < 2:
            continue
        tagged = []
        for link in evaluation.of:
            template = (
                template_of_stage(recipe.stages[link.name], recipe) if link.name in recipe.stages else None
            )
            if template is not None and template.thinking is not None:
                tagged.append((link, template.thinking, template.span_of("thinking")))
        for link, tags, span in tagged[1:]:
            first, stripped, _ = tagged[0]
            if (tags.open, tags.close) == (stripped.open, stripped.close):
                continue
            yield Finding(
                f"eval `{name}` strips the tags of `{first}`, and `{link}` reasons within others",
                link.span,
                labels=(Label(span, "the tags that stay in its answers"),) if span else (),
                help=f"measure `{link}` in an eval of its own",
            )
            break
