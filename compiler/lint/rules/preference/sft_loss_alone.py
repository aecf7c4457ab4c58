"""DPO that never looks at the rejected answer

## What it does

Looks for `dpo` whose only loss is `sft`.

## Why is this bad?

`sft` is the cross entropy of the chosen answer, meant to stand beside a preference loss. Alone it is
supervised fine-tuning at a preference stage's price: the rejected answers and the reference model are computed
and not used, at a learning rate ten times below SFT's. What preferences add is large: IFEval 51.2 after SFT,
69.4 after APO-zero in the Smol Training Playbook.

Source: Smol Training Playbook, post-training chapter.

## Wrong

```
stage dpo { init = sft ; method = dpo(loss = sft) ; data = pairs }
```

## Right

```
stage dpo { init = sft ; method = dpo(loss = [apo_zero, sft], weights = [1.0, 0.2]) ; data = pairs }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.stages import runs_of
from smolc.compiler.model.methods import Dpo

RULE = Rule("P511", "sft-loss-alone", Severity.WARNING)


def check(context: Context) -> Iterator[Finding]:
    seen = set()
    for name, run in runs_of(context, Dpo):
        if not isinstance(run.method, Dpo) or set(run.method.loss) != {"sft"}:
            continue
        span = run.method.span_of("loss")
        if span in seen:
            continue
        seen.add(span)
        yield Finding(
            f"stage `{name}` has only the loss `sft`: the rejected answers are not used",
            span,
            help="put a preference loss beside it, such as `loss = [apo_zero, sft]`; or make it an `sft` stage",
        )
