"""An eval on rows that were trained

## What it does

Looks for own tasks whose dataset lies where a training source of the measured model lies: the same file, or
the same split on the hub. A source whose `where` differs from the dataset's is taken for other rows.

## Why is this bad?

The score says how well the model remembers, not what it can do, and every comparison made with it prefers
the run that memorised most. The Smol Training Playbook decontaminates its training data against every eval
by n-grams for this reason, and keeps a test set out of everything until the end.

Source: Smol Training Playbook, post-training chapter (evals).

## Wrong

```
dataset words { path = "words.jsonl" }
stage sft { init = base ; method = sft ; data = words }
eval final { of = sft ; task reversed { data = words } }
```

## Right

```
dataset words  { path = "words.jsonl" }
dataset unseen { path = "unseen.jsonl" ; role = test }
stage sft { init = base ; method = sft ; data = words }
eval final { of = sft ; role = test ; task reversed { data = unseen } }
```

For the loss on held-out rows of the same source, `holdout` in the mixture is enough.
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Label, Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.sources import Rows, learned
from smolc.compiler.model.evaluation import Eval
from smolc.compiler.model.merge import upstream

RULE = Rule("D203", "trained-on-what-is-measured", Severity.ERROR)


def check(context: Context) -> Iterator[Finding]:
    for label, evaluation in context.recipe.evals.items():
        if not evaluation.task:
            continue
        rows = _trained(evaluation, context)
        for name, task in evaluation.task.items():
            dataset = context.recipe.datasets[task.data.name]
            shared = rows.shared(dataset, dataset.split)
            if shared is None:
                continue
            source = shared[1]
            same = source.name == task.data.name
            yield Finding(
                f"task `{name}` of eval `{label}` measures what the model was trained on: `{task.data.name}`"
                + ("" if same else f" holds the rows of `{source.shown}`"),
                task.span_of("data"),
                labels=(Label(source.span, "trained on here"),) if source.span else (),
                notes=("a score on trained rows shows what was remembered, not what was learnt",),
                help="measure on rows that are kept apart; for a loss alone, `holdout` in the mixture is enough",
            )


def _trained(evaluation: Eval, context: Context) -> Rows:
    """What the measured models were trained on, in all stages that they went through."""
    recipe = context.recipe
    rows = Rows(context.resolved)
    done = set()
    for link in evaluation.of:
        for name in upstream(link.name, recipe):
            if name not in recipe.stages or name in done:
                continue
            done.add(name)
            for stage in {run.data.name: run for run in context.runs(name)}.values():
                for source in learned(stage, context):
                    rows.add(source)
    return rows
