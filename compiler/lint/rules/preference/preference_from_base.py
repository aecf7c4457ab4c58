"""Preferences before the model can answer

## What it does

Looks for `dpo`, `kto` and `simpo` stages that no SFT (or ORPO, or CPO) stage comes before and that go back to a base
model: one from scratch, or one whose name says `base`.

## Why is this bad?

These methods compare with a reference, which has to be a model that gives such answers at all: from a base
model both chosen and rejected are unlikely, and their difference says little. SimPO has no reference, and nothing that
teaches answers either. In the Smol Training Playbook
each preference run starts from SFT (IFEval 51.2, to 69.4 with APO-zero); only ORPO, which has no reference and
the loss of SFT in it, works from a base model.

Source: Smol Training Playbook, post-training chapter.

## Wrong

```
model base { hub = "HuggingFaceTB/SmolLM3-3B-Base" }
stage dpo { init = base ; method = dpo ; data = pairs ; template = chat }
```

## Right

```
model base { hub = "HuggingFaceTB/SmolLM3-3B-Base" }
stage sft { init = base ; method = sft ; data = chats ; template = chat }
stage dpo { init = sft  ; method = dpo ; data = pairs }
```
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from smolc.compiler.diagnostics import Label, Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.lint.stages import BARE, before
from smolc.compiler.model.methods import Cpo, Orpo, Sft, Simpo
from smolc.compiler.model.start import Model
from smolc.compiler.plan.templates import model_of

RULE = Rule("P506", "preference-from-base-model", Severity.WARNING)
_BASE = re.compile(r"(?:^|[-_.])(?:base|pretrained)(?:$|[-_.])", re.IGNORECASE)


def check(context: Context) -> Iterator[Finding]:
    recipe = context.recipe
    for name, stage in recipe.stages.items():
        if not isinstance(stage.method, BARE):
            continue
        if any(isinstance(earlier.method, (Sft, Orpo, Cpo)) for earlier in before(stage, recipe)):
            continue
        model = recipe.models[model_of(stage, recipe)]
        why = _base(model)
        if why is None:
            continue
        yield Finding(
            f"stage `{name}` learns preferences from {why}: nothing has taught it to answer yet",
            stage.span_of("init"),
            labels=(Label(model.span, "the start model"),) if model.span else (),
            notes=(
                "simpo only compares two answers: it has no loss that teaches the chosen one"
                if isinstance(stage.method, Simpo)
                else f"{stage.method.word} compares with a model that has to give such answers already",
            ),
            help="put an `sft` stage before it, or write `method = orpo`, which works from a base model",
        )


def _base(model: Model) -> str | None:
    """What kind of base model it is, if its source says so."""
    if model.scratch is not None:
        return "random weights"
    source = model.hub or model.path or ""
    return f"`{source}`, a base model" if _BASE.search(source.rstrip("/").rpartition("/")[2]) else None
