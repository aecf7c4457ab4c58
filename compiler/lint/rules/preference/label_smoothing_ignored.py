"""Label smoothing that no loss reads

## What it does

Looks for `dpo` and `cpo` with a `label_smoothing` above 0 where none of its losses reads it. Those that do are
`robust`, `exo_pair`, `aot` and `aot_unpaired`. Of the losses of `cpo`, `sigmoid` alone does.

## Why is this bad?

Nothing tells: the run is the same as without. In TRL the value once changed the sigmoid loss (conservative
DPO), and it was asked already then that a loss which ignores it should say so (trl#1035). Since then the
sigmoid loss ignores it as well.

## Wrong

```
stage dpo { init = sft ; method = dpo(loss = sigmoid, label_smoothing = 10%) ; data = pairs }
```

## Right

```
stage dpo { init = sft ; method = dpo(loss = robust, label_smoothing = 10%) ; data = pairs }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Label, Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.stages import runs_of
from smolc.compiler.model.methods import Cpo, Dpo

RULE = Rule("P508", "label-smoothing-ignored", Severity.WARNING)
READ_BY = {"robust", "exo_pair", "aot", "aot_unpaired"}


def check(context: Context) -> Iterator[Finding]:
    seen = set()
    for name, run in runs_of(context, Dpo, Cpo):
        method = run.method
        if not isinstance(method, (Dpo, Cpo)) or method.label_smoothing == 0 or _read(method):
            continue
        span, loss = method.span_of("label_smoothing"), method.span_of("loss")
        if span in seen:
            continue
        seen.add(span)
        losses = (
            f"`{method.loss}`" if isinstance(method, Cpo) else " and ".join(f"`{o}`" for o in method.loss)
        )
        yield Finding(
            f"stage `{name}` has label smoothing, and its loss {losses} does not read it",
            span,
            labels=(Label(loss, "the loss"),) if loss and method.given("loss") else (),
            notes=("the run is the same as without it",),
            help="take it out, or write `loss = sigmoid`, which reads it"
            if isinstance(method, Cpo)
            else "write `loss = robust`, which expects that part of the labels to be wrong; or take it out",
        )


def _read(method: Dpo | Cpo) -> bool:
    return method.loss == "sigmoid" if isinstance(method, Cpo) else bool(READ_BY & set(method.loss))
