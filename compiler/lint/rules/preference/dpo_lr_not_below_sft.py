"""A preference stage that learns nearly as fast as the SFT before it

## What it does

Compares the learning rate of a preference stage (`dpo`, `kto`, `simpo`) with that of the SFT stage that it starts from,
and complains above a fifth of it. Only stages with the same kind of adapter are compared. Where there is a grid,
the smallest value of the preference stage counts, and the largest of the SFT stage. `orpo` and `cpo` have
the loss of SFT in them and are left alone.

## Why is this bad?

Preference losses take a model apart at rates that SFT is comfortable with. In the Smol Training Playbook an
SFT model that scored 46.4 (mean of its evals) came out of preference optimisation at 49.6 with 1e-7, 47.9
with 5e-7, 45.4 with 1e-6, 41.5 with 5e-6 and 36.9 with 1e-5. About ten times below the SFT rate is where to
start, and 5 to 20 times below the range to scan.

Source: Smol Training Playbook, post-training chapter.

## Wrong

```
stage sft { init = base  ; method = sft ; data = chats ; optim = adamw(lr = 1e-5) }
stage dpo { init = sft   ; method = dpo ; data = pairs ; optim = adamw(lr = 1e-5) }
```

## Right

```
stage sft { init = base  ; method = sft ; data = chats ; optim = adamw(lr = 1e-5) }
stage dpo { init = sft   ; method = dpo ; data = pairs ; optim = adamw(lr = 1e-6) }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Label, Severity
from smolc.compiler.lint.context import Context, first
from smolc.compiler.lint.rule import Finding, Rule, rate
from smolc.compiler.lint.stages import BARE
from smolc.compiler.model.merge import behind
from smolc.compiler.model.methods import Lora, Sft, Sgd
from smolc.compiler.model.recipe import Recipe
from smolc.compiler.model.stage import Stage
from smolc.compiler.plan.defaults import learning_rate

RULE = Rule("P501", "dpo-lr-not-below-sft", Severity.WARNING)
TIMES = 5


def check(context: Context) -> Iterator[Finding]:
    for name, declared in context.recipe.stages.items():
        before = _sft_before(declared, context.recipe)
        if before is None:
            continue
        slowest = min(
            (run for run in context.runs(name) if isinstance(run.method, BARE)),
            key=learning_rate,
            default=None,
        )
        runs = [run for run in context.runs(before) if slowest is not None and _comparable(run, slowest)]
        if slowest is None or not runs:
            continue
        fastest = max(runs, key=learning_rate)
        lr, sft = learning_rate(slowest), learning_rate(fastest)
        if lr * TIMES <= sft * (1 + 1e-9):
            continue
        there = first(fastest.optim.span_of("lr"), fastest.span)
        yield Finding(
            f"stage `{name}` trains at {rate(lr)}, and `{before}`, from which it starts, at {rate(sft)}",
            first(slowest.optim.span_of("lr"), declared.span),
            labels=(Label(there, f"the learning rate of `{before}`"),) if there else (),
            notes=("in the playbook an SFT model at 46.4 went to 49.6 with 1e-7 and to 36.9 with 1e-5",),
            help=f"start with `lr = {rate(sft / 10)}`, ten times lower; scan 5 to 20 times lower",
        )


def _sft_before(stage: Stage, recipe: Recipe) -> str | None:
    """The nearest SFT stage that a stage goes back to."""
    while (name := behind(stage.init.name, recipe)) in recipe.stages:
        stage = recipe.stages[name]
        if isinstance(stage.method, Sft):
            return name
    return None


def _comparable(one: Stage, other: Stage) -> bool:
    """Learning rates of adapters and of full fine-tuning, of SGD and of Adam, lie in different ranges."""
    adapters = isinstance(one.adapter, Lora) == isinstance(other.adapter, Lora)
    return adapters and isinstance(one.optim, Sgd) == isinstance(other.optim, Sgd)
