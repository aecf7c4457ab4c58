"""A chat template that never writes its end of turn

## What it does

For stages whose loss does not depend on marks (`loss_on = all` or `completion`, and preferences), looks whether
the template writes the `end_of_turn` that the recipe names, or `eos_token`. Where marks are needed,
`end-of-turn-outside-the-loss` looks.

## Why is this bad?

The model is never shown how a turn ends, and goes on to the limit when asked. With `loss_on = completion` and
for preferences smolc stops when it prepares the data; with `loss_on = all` nothing stops it. Elsewhere the
terminator was not trained for weeks while the loss looked healthy (axolotl#3754, trl#5988).

Source: axolotl#3754, trl#5988.

## Wrong

```
template chat {
  text        = "{% for m in messages %}{{ m.role }}: {{ m.content }}{% endfor %}"
  end_of_turn = "<|im_end|>"
}
```

## Right

```
template chat {
  text        = "{% for m in messages %}{{ m.role }}: {{ m.content }}<|im_end|>{% endfor %}"
  end_of_turn = "<|im_end|>"
}
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity
from smolc.compiler.lint.chats import template_for
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.generation import marks_needed, writes
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.model.methods import Cpt
from smolc.compiler.plan.templates import template_of

RULE = Rule("T105", "template-without-end-of-turn", Severity.WARNING)


def check(context: Context) -> Iterator[Finding]:
    recipe = context.recipe
    marked = {
        template_of(stage, recipe)
        for name, stage in recipe.stages.items()
        if any(marks_needed(run) for run in context.runs(name))
    }
    seen = set(marked)
    for name, stage in recipe.stages.items():
        label = template_of(stage, recipe)
        if label in seen or isinstance(stage.method, Cpt):
            continue
        seen.add(label)
        one = template_for(name, stage, context)
        end = one.template.end if one else None
        if one is None or end is None or writes((one.text,), end, one.text):
            continue
        yield Finding(
            f'{one.template.name} never writes "{end}", so stage `{name}` cannot teach where a turn ends',
            one.template.span,
            help=f"write {end} after what the assistant says, or name the `end_of_turn` that the template has",
        )
