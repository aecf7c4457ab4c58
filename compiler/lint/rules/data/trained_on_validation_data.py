"""Training on rows that are declared for validation

## What it does

Looks for stages that train on a dataset with `role = validation`, or on pairs of which such rows say what is
right. (`role = test` is an error: the compiler itself refuses it.)

## Why is this bad?

A validation set picks learning rates and checkpoints. Where it is trained as well, it picks whatever was
trained longest or hottest on it: its loss falls with every epoch, also when everything else gets worse. In
the Smol Training Playbook's sweep over 1 to 5 epochs LiveCodeBench was best at 3 and AIME25 at 4, which only
rows that are not trained can show.

Source: Smol Training Playbook, post-training chapter.

## Wrong

```
dataset picks { path = "validation.jsonl" ; role = validation }
mixture skills { chats = all ; picks = all }
```

## Right

```
dataset picks { path = "validation.jsonl" ; role = validation }
mixture skills { chats = all ; holdout = picks }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Label, Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.sources import trained

RULE = Rule("D206", "trained-on-validation-data", Severity.WARNING)


def check(context: Context) -> Iterator[Finding]:
    seen = set()
    for name, source in trained(context):
        if source.dataset.role != "validation" or source.name in seen:
            continue
        seen.add(source.name)
        role = source.dataset.span_of("role")
        yield Finding(
            f"stage `{name}` trains on `{source.name}`, which is declared for validation",
            source.span,
            labels=(Label(role, "said here"),) if role else (),
            help=f"take it out, or leave `role` out; `holdout = {source.name}` measures the validation loss on it",
        )
