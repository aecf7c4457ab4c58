"""A chat template that does not mark what the assistant says

## What it does

For stages that train on the assistant's words (`loss_on = assistant`, the default, or `last_turn`), looks
whether the chat template has `{% generation %}` markers. Where the tokenizer's own template is used, it is
read from the model's folder or the hub's local cache, if it is there.

## Why is this bad?

Without markers nobody knows which tokens the assistant said. Frameworks have trained on an empty mask, or
failed with an error that does not say so (trl#4879, trl#3586). smolc would stop when it prepares the data;
here you learn it before a job is queued. Most templates that are published with a model have no markers.

Training on the assistant's words only was worth 4.5 points of IFEval in the Smol Training Playbook.

## Wrong

```
stage sft { init = base; method = sft; data = chats }     # with the tokenizer's own template
```

## Right

Use a template that smolc ships,

```
template chat { builtin = chatml }
stage sft { init = base; method = sft; data = chats; template = chat }
```

or put the markers into your own, around the words and their end of turn:

```
{% generation %}{{ message.content }}<|im_end|>{% endgeneration %}
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Label, Severity
from smolc.compiler.lint.context import ChatTemplate, Context
from smolc.compiler.lint.generation import generated, marks_needed
from smolc.compiler.lint.rule import Finding, Rule, not_checked
from smolc.compiler.model.methods import Sft
from smolc.compiler.model.stage import Stage
from smolc.compiler.plan.templates import model_of

RULE = Rule("T101", "template-without-generation-markers", Severity.ERROR)


def check(context: Context) -> Iterator[Finding]:
    seen = set()
    for name, declared in context.recipe.stages.items():
        stage = next((run for run in context.runs(name) if marks_needed(run)), None)
        if stage is None:
            continue
        template = context.template(declared)
        model = model_of(stage, context.recipe)
        key = (template.name, model if template.own else None)
        if key in seen or (template.text and generated(template.text)):
            continue
        seen.add(key)
        if template.known:
            yield _finding(name, stage, template)
        elif template.own:
            reason = f"the tokenizer's chat template of model `{model}` is not on this machine"
            yield not_checked(model, reason, template.span)


def _finding(name: str, stage: Stage, template: ChatTemplate) -> Finding:
    assert isinstance(stage.method, Sft)
    loss = f"stage `{name}` trains on `{stage.method.loss_on}`"
    if template.text is None:
        message = f"{loss}, and neither it nor the tokenizer has a chat template"
        help = "declare one: `template chat { builtin = chatml }`, and `template = chat` in the stage"
    else:
        message = f"{loss}, and {template.name} does not mark what the assistant says"
        help = (
            "put `{% generation %}` before and `{% endgeneration %}` after the assistant's words and their\n"
            "end of turn, use a shipped template (`builtin = chatml`), or say `loss_on = completion`"
        )
    span = stage.method.span
    labels = (Label(span, "needs to know what the assistant said"),) if span and span != template.span else ()
    return Finding(message, template.span, labels=labels, help=help)
