"""An option of DPO that changes nothing

## What it does

Looks for `dpo` with a `discopop_tau` that is not the default where `discopop` is none of its losses, and with an
`ld_alpha` of 1.

## Why is this bad?

Nothing tells: the run is the same as without. `discopop_tau` is read by that one loss. `ld_alpha = 1` weighs all
tokens alike, which is what DPO does anyway.

Source: DiscoPOP (arXiv 2406.08414), equation 5; LD-DPO (arXiv 2409.06411), equation 11.

## Wrong

```
stage dpo { init = sft ; method = dpo(loss = sigmoid, discopop_tau = 0.1) ; data = pairs }
```

## Right

```
stage dpo { init = sft ; method = dpo(loss = discopop, discopop_tau = 0.1) ; data = pairs }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Label, Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.stages import runs_of
from smolc.compiler.model.methods import Dpo

RULE = Rule("P517", "dpo-option-ignored", Severity.WARNING)
TAU = Dpo.model_fields["discopop_tau"].default


def check(context: Context) -> Iterator[Finding]:
    seen = set()
    for name, run in runs_of(context, Dpo):
        method = run.method
        if not isinstance(method, Dpo):
            continue
        tau, weight = method.span_of("discopop_tau"), method.span_of("ld_alpha")
        if method.discopop_tau != TAU and "discopop" not in method.loss and tau not in seen:
            seen.add(tau)
            losses, loss = " and ".join(f"`{o}`" for o in method.loss), method.span_of("loss")
            yield Finding(
                f"stage `{name}` has a `discopop_tau`, and its loss {losses} does not read it",
                tau,
                labels=(Label(loss, "the loss"),) if loss and method.given("loss") else (),
                help="take it out, or write `loss = discopop`",
            )
        if method.ld_alpha == 1 and weight not in seen:
            seen.add(weight)
            yield Finding(
                f"stage `{name}` has an `ld_alpha` of 1, which weighs all tokens alike, as without it",
                weight,
                notes=(
                    "the reference's log-probabilities are not kept for it: each step computes them again",
                ),
                help="take it out, or write less, such as `ld_alpha = 0.5`",
            )
