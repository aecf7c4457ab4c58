"""An end of turn that the model's tokenizer does not know

## What it does

Compares the template's end of turn with what the tokenizers of well-known models have: Llama 3, Qwen, SmolLM,
Gemma and Mistral, from the organisations that publish them.

## Why is this bad?

`<|im_end|>` is one token for Qwen and SmolLM, and six for Llama 3. Generation stops at a token, so a model
trained to write six never stops (trl#5988, trl#6044). smolc finds out when it prepares the data and stops there;
here you learn it before a job is queued, and before the weights are downloaded.

Source: trl#5988, trl#6044.

## Wrong

```
model base { hub = "meta-llama/Llama-3.1-8B" }
template chat { builtin = chatml }
```

## Right

```
model base { hub = "meta-llama/Llama-3.1-8B" }
template chat { builtin = llama3 }
```
"""

from __future__ import annotations

from collections.abc import Iterator

from smolc.compiler.diagnostics import Edit, Label, Severity, Span
from smolc.compiler.lint.context import Context
from smolc.compiler.lint.rule import Finding, Rule
from smolc.compiler.model.methods import Cpt
from smolc.compiler.model.start import HubTokenizer, Model, OwnTokenizer
from smolc.compiler.plan.templates import model_of, template_of

RULE = Rule("T107", "end-of-turn-of-another-family", Severity.WARNING)

FAMILIES = (
    ("meta-llama/llama-3", ("<|eot_id|>", "<|eom_id|>", "<|end_of_text|>"), "llama3"),
    ("meta-llama/meta-llama-3", ("<|eot_id|>", "<|eom_id|>", "<|end_of_text|>"), "llama3"),
    ("qwen/", ("<|im_end|>", "<|endoftext|>"), "qwen3"),
    ("huggingfacetb/smollm3", ("<|im_end|>", "<|end_of_text|>", "<|eot_id|>"), "smollm3"),
    ("huggingfacetb/smollm2", ("<|im_end|>", "<|endoftext|>"), "smollm2"),
    ("huggingfacetb/smollm-", ("<|im_end|>", "<|endoftext|>"), "chatml"),
    ("google/gemma-2", ("<end_of_turn>", "<eos>"), "gemma"),
    ("google/gemma-3", ("<end_of_turn>", "<eos>"), "gemma"),
    ("mistralai/", ("</s>",), "mistral"),
    ("microsoft/phi-3", ("<|end|>", "<|endoftext|>"), "phi"),
    ("huggingfaceh4/zephyr", ("</s>",), "zephyr"),
)
"""How ids begin, the tokens at which a turn can end (the usual one first), and the template that smolc ships."""


def check(context: Context) -> Iterator[Finding]:
    recipe = context.recipe
    seen = set()
    for stage in recipe.stages.values():
        label, name = template_of(stage, recipe), model_of(stage, recipe)
        if isinstance(stage.method, Cpt) or label is None or (label, name) in seen:
            continue
        seen.add((label, name))
        id, place = _tokenizer(recipe.models[name])
        known = next((f for f in FAMILIES if id.lower().startswith(f[0])), None)
        template = context.template(stage)
        if known is None or template.end is None or template.end in known[1]:
            continue
        shipped = known[2]
        declared = recipe.templates[label]
        builtin = declared.span_of("builtin") if declared.builtin and not declared.end_of_turn else None
        yield Finding(
            f"{template.name} ends its turns with {template.end}, which is no token of `{id}`",
            builtin or declared.span_of("end_of_turn"),
            labels=(Label(place, "its tokenizer"),) if place else (),
            notes=("generation stops at a token: a model that has to write several never stops",),
            help=f"write `builtin = {shipped}`",
            edits=(Edit(builtin, shipped),) if builtin else (),
        )


def _tokenizer(model: Model) -> tuple[str, Span | None]:
    """Where a model's tokenizer is from on the hub."""
    if isinstance(model.tokenizer, HubTokenizer):
        return model.tokenizer.id, model.tokenizer.span_of("id")
    if isinstance(model.tokenizer, OwnTokenizer) and model.hub is not None:
        return model.hub, model.span_of("hub")
    return "", None
