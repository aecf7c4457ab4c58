"""An end of turn that nobody is told about

## What it does

Looks for templates that write a well-known end of turn (`<|im_end|>`, `<|eot_id|>`, `<end_of_turn>`, `<|end|>`)
while the recipe names none and the tokenizer's end of text is another token. It looks where the tokenizer's
files are on this machine.

## Why is this bad?

Generation stops at the tokenizer's end of text. The model learns to write `<|im_end|>`, and whoever asks it
waits for `<|endoftext|>`: it answers, then asks itself the next question and answers that, to the limit. This is
what a base model with a ChatML template does (trl#5988, trl#6044). With `end_of_turn` the trained model's
tokenizer ends there, and smolc checks that it is trained.

Source: trl#5988, trl#6044.

## Wrong

```
template chat { file = "chatml.jinja" }
```

## Right

```
template chat { file = "chatml.jinja" ; end_of_turn = "<|im_end|>" }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Severity
from smolc.compiler.lint.chats import used
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule

RULE = Rule("T106", "end-of-turn-not-named", Severity.WARNING)
ENDS = ("<|im_end|>", "<|eot_id|>", "<end_of_turn>", "<|end|>")


def check(context: Context) -> Iterator[Finding]:
    for one in used(context):
        if one.template.end is not None or "eos_token" in one.text:
            continue
        end = next((token for token in ENDS if token in one.text), None)
        files = context.tokenizer(one.model) if end is not None else None
        if files is None or files.eos is None or files.eos == end or files.eos in one.text:
            continue
        declare = (
            f'add `end_of_turn = "{end}"` to it'
            if one.declared is not None
            else f'declare `template chat {{ end_of_turn = "{end}" }}`, and `template = chat` in the stage'
        )
        yield Finding(
            f"{one.template.name} ends its turns with {end}, and the tokenizer of model `{one.model}` "
            f"stops at {files.eos}",
            one.template.span,
            notes=("the model learns to write one token, and generation waits for the other",),
            help=declare,
        )
