"""The end of turn is not trained

## What it does

Where a stage trains on the assistant's words, looks whether the template writes its end of turn
(`end_of_turn`, or the variable `eos_token`) between `{% generation %}` and `{% endgeneration %}`. Only the
template's text is read: variables and macros that write it are followed, anything cleverer is not.

## Why is this bad?

The model never learns to stop. The loss looks healthy, generation runs to its limit, and it is found after
the run (trl#5988, trl#6044; in another framework the terminator was never trained either, axolotl#3754).

## Wrong

```
{% generation %}{{ message.content }}{% endgeneration %}<|im_end|>
```

## Right

```
{% generation %}{{ message.content }}<|im_end|>{% endgeneration %}
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.generation import generated, marks_needed, writes
from smolc.compiler.lint.rule import Finding, Rule, not_checked
from smolc.compiler.plan.templates import model_of

RULE = Rule("T102", "end-of-turn-outside-the-loss", Severity.WARNING)


def check(context: Context) -> Iterator[Finding]:
    seen = set()
    for name, declared in context.recipe.stages.items():
        if not any(marks_needed(run) for run in context.runs(name)):
            continue
        template = context.template(declared)
        model = model_of(declared, context.recipe)
        blocks = generated(template.text or "")
        end = template.end
        if end is None:
            files = context.tokenizer(model)
            end = files.eos if files else None
        key = (template.name, end, model if template.own else None)
        if template.text is None or not blocks or key in seen or writes(blocks, end, template.text):
            continue
        seen.add(key)
        if end is None:
            reason = f"{template.name} has no `end_of_turn`, and the tokenizer of model `{model}` is not here"
            yield not_checked(model, reason, template.span)
            continue
        yield Finding(
            f'{template.name} writes the end of turn "{end}" outside of what is trained, or not at all',
            template.span,
            notes=("a model that is not trained to stop goes on to the limit, while its loss looks healthy",),
            help=f"write {end} before `{{% endgeneration %}}`, or name the `end_of_turn` that it has",
        )
