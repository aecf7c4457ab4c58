"""A pairwise loss on a model that reasons

## What it does

Looks for `dpo` stages with the losses `sigmoid` (the default), `ipo`, `apo_down` or `discopop` whose template
has `thinking` tags and does not switch thinking off.

## Why is this bad?

A loss that only asks for a gap between chosen and rejected is free to make both less likely, and a long chain
of thought pays for it. The Smol Training Playbook started from an SFT model with 32.6 on AIME25 (thinking): it
came out of DPO (sigmoid) at 3.1, of APO-down at 0.9, of DiscoPOP at 3.2 and of IPO at 26.4 with LiveCodeBench
down from 36.6 to 3.8. APO-zero, which also asks that the chosen answer becomes likelier, kept 31.8 and gained
most on IFEval (51.2 to 69.4). IFEval rose with sigmoid, too: whoever measures that alone does not notice.

Source: Smol Training Playbook, post-training chapter.

## Wrong

```
template chat { builtin = smollm3; thinking = tags("<think>", "</think>") }
stage dpo { init = sft ; method = dpo ; data = pairs ; template = chat }
```

## Right

```
template chat { builtin = smollm3; thinking = tags("<think>", "</think>") }
stage dpo { init = sft ; method = dpo(loss = apo_zero) ; data = pairs ; template = chat }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Label, Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.reasoning import template_of_stage, thinks
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.stages import runs_of
from smolc.compiler.model.methods import Dpo

RULE = Rule("P503", "pairwise-loss-on-reasoning", Severity.WARNING)
MEASURED = {
    "sigmoid": "AIME25 from 32.6 to 3.1",
    "apo_down": "AIME25 from 32.6 to 0.9",
    "discopop": "AIME25 from 32.6 to 3.2",
    "ipo": "LiveCodeBench from 36.6 to 3.8",
}
"""What became of the playbook's thinking SFT model."""


def check(context: Context) -> Iterator[Finding]:
    seen = set()
    for name, run in runs_of(context, Dpo):
        template = template_of_stage(run, context.recipe)
        if not isinstance(run.method, Dpo) or template is None or not thinks(template):
            continue
        span = run.method.span_of("loss")
        loss = next((loss for loss in run.method.loss if loss in MEASURED), None)
        if loss is None or span in seen:
            continue
        seen.add(span)
        there = template.span_of("thinking")
        yield Finding(
            f"stage `{name}` trains a model that reasons with the loss `{loss}`",
            span,
            labels=(Label(there, "its template has tags for reasoning"),) if there else (),
            notes=(f"in the playbook `{loss}` took {MEASURED[loss]}; apo_zero kept AIME25 at 31.8",),
            help="write `loss = apo_zero`",
        )
