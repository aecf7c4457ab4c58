"""Weights of a merge that do not add up to 1

## What it does

Looks for merges by `linear` whose weights have another sum than 1.

## Why is this bad?

The weights are taken as they are written. With a sum of 0.8 every tensor is a fifth smaller: norms, embeddings and
the output layer, too, so that the logits are flatter and the residual stream is off at each layer. Averages of
fine-tuned models work because models with one start lie in one basin, in which the points between them lie as well
(Wortsman et al. 2022, arXiv 2203.05482); a scaled model lies elsewhere. Weights below 0 and above 1 are fine as long
as they add up: they go on beyond a model, away from another. The Smol Training Playbook's SmolLM3 ends with 0.9 of an
APO soup and 0.1 of a mid-training checkpoint.

Source: Wortsman et al. 2022, Model soups; Smol Training Playbook, post-training chapter.

## Wrong

```
merge final { of = [sft, base] ; method = linear(weights = [0.9, 0.2]) }
```

## Right

```
merge final { of = [sft, base] ; method = linear(weights = [0.9, 0.1]) }
```
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.model.merge import Linear

RULE = Rule("M001", "weights-do-not-add-up", Severity.WARNING)
ROUNDED = 5e-3
"""How far a sum may be off: a third is written as 0.333. At 0.33 it shows: three of them are 1% short."""


def check(context: Context) -> Iterator[Finding]:
    for name, merge in context.recipe.merges.items():
        method = merge.method
        if not isinstance(method, Linear):
            continue
        total = math.fsum(method.weights)
        if abs(total - 1) <= ROUNDED:
            continue
        equal = len(set(method.weights)) == 1
        scaled = [weight / total for weight in method.weights] if total > 0 else []
        help = ", ".join(f"{weight:.3g}" for weight in scaled)
        yield Finding(
            f"the weights of merge `{name}` add up to {total:.4g}, not to 1",
            method.span_of("weights"),
            notes=(f"they are taken as they are written: all of the model is scaled by {total:.4g}",),
            help="write `method = soup`: all have the same weight"
            if equal
            else f"in the same proportions: `weights = [{help}]`"
            if scaled
            else "write weights that add up to 1",
        )
