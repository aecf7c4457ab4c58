"""An end of turn that is not among the byte tokenizer's special tokens

## What it does

For models with `tokenizer = bytes`, looks whether the template's end of turn is one of its special tokens. The
default ones are `<pad>`, `<|im_start|>` and `<|im_end|>`.

## Why is this bad?

What is not a special token is spelt out, a token a byte, and generation stops at a token: the data job would
refuse it. Frameworks that did not have trained models that never stop (trl#5988, trl#6044).

Source: trl#5988, trl#6044.

## Wrong

```
model base { scratch = llama(layers = 2, hidden = 64, heads = 4) ; tokenizer = bytes }
template chat { builtin = llama3 }
```

## Right

```
model base {
  scratch   = llama(layers = 2, hidden = 64, heads = 4)
  tokenizer = bytes(["<pad>", "<|begin_of_text|>", "<|eot_id|>"])
}
template chat { builtin = llama3 }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Edit, Label, Severity
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.model.methods import Cpt
from smolc.compiler.model.start import BytesTokenizer
from smolc.compiler.plan.templates import model_of

RULE = Rule("T108", "end-of-turn-not-a-token", Severity.ERROR)


def check(context: Context) -> Iterator[Finding]:
    recipe = context.recipe
    seen = set()
    for stage in recipe.stages.values():
        name = model_of(stage, recipe)
        tokenizer = recipe.models[name].tokenizer
        if isinstance(stage.method, Cpt) or not isinstance(tokenizer, BytesTokenizer):
            continue
        template = context.template(stage)
        end = template.end
        if end is None or end in tokenizer.special or len(end.encode()) == 1 or (name, end) in seen:
            continue
        seen.add((name, end))
        tokens = [*tokenizer.special, end]
        quoted = "bytes([" + ", ".join(f'"{token}"' for token in tokens) + "])"
        plain = not any(c in token for token in tokens for c in '"\\\n')
        span = recipe.models[name].span_of("tokenizer")
        yield Finding(
            f"{template.name} ends its turns with {end}, which is no token of model `{name}`",
            span,
            labels=(Label(template.span, "ends its turns so"),) if template.span else (),
            notes=(
                f"the byte tokenizer spells it out in {len(end.encode())} tokens, and nothing stops there",
            ),
            help=f"write `tokenizer = {quoted}`" if plain else "add it to the tokenizer's special tokens",
            edits=(Edit(span, quoted),) if span and plain and span.text.startswith("bytes") else (),
        )
