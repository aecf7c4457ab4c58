"""A winner picked by losses that are not of the same thing

## What it does

Looks for sweeps that pick by `eval_loss`, or halve by it (`halve_at`), while what the loss is of differs between
their runs: the method, the tokens it is on (`loss_on`), a preference loss, its beta or weights, the template, or
the data that the validation rows are kept out of.

## Why is this bad?

The smallest number then says which loss is small, not which model is good: prompts are easier or harder to
predict than answers, and wherever a pair is told apart at all, a larger beta alone makes the loss smaller.
The Smol Training Playbook compared such choices by evals, and that is where they show: masking the user's
turns was worth 4.5 points of IFEval, and between sigmoid and APO-zero lay 29 points of AIME25.

Source: Smol Training Playbook, post-training chapter.

## Wrong

```
stage sft {
  init   = base
  method = sft
  data   = chats
  sweep { method.loss_on = [assistant, all]; pick = min(eval_loss) }
}
```

## Right

```
stage sft {
  init   = base
  method = sft
  data   = chats
  sweep { method.loss_on = [assistant, all]; pick = max(ifeval) }
}
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Label, Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.model.methods import Sft
from smolc.compiler.model.stage import Stage

RULE = Rule("O420", "grid-of-different-losses", Severity.WARNING)
OF_THE_LOSS = ("method", "template", "data")


def check(context: Context) -> Iterator[Finding]:
    for name, declared in context.recipe.stages.items():
        sweep = declared.sweep
        if sweep is None or (sweep.pick.metric.name != "eval_loss" and not sweep.halve_at):
            continue
        picks = sweep.pick.metric.name == "eval_loss"
        axis = next((a for a in sweep.axes if a.path.parts[0].text in OF_THE_LOSS), None)
        if axis is None or len({_loss(run) for run in context.runs(name)}) < 2:
            continue
        yield Finding(
            f"stage `{name}` {'picks' if picks else 'halves'} by eval_loss, and `{axis.path}` changes what that is the "
            "loss of",
            sweep.pick.metric.span if picks else sweep.span_of("halve_at"),
            labels=(Label(axis.span, "varied here"),) if axis.span else (),
            help="pick by a task of an eval, such as `pick = max(TASK)`"
            + (", and take `halve_at` out" if sweep.halve_at else ""),
        )


def _loss(stage: Stage) -> tuple[object, ...]:
    """What the validation loss is of."""
    method = stage.method
    own = (method.loss_on,) if isinstance(method, Sft) else tuple(method.model_dump().items())
    template = stage.template.name if stage.template else None
    return (method.word, str(own), template, stage.data.name)
