"""`model`: where training starts from. `template`: how a conversation becomes text."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from smolc.compiler.model.base import Noun, Variant
from smolc.compiler.model.texts import Date
from smolc.compiler.model.types import Count, Doc, Flag, Kind, Str, ToDataset, Tokens, choice, listed
from smolc.compiler.model.variants import OneOf

SHIPPED = ("chatml", "smollm2", "smollm3", "llama3", "qwen3", "gemma", "mistral", "phi", "zephyr")
"""Chat templates in `templates/chat/`."""

Strings = Annotated[tuple[Str, ...], Kind(listed, Doc("one string or a list of strings", '["a", "b"]'))]


class Llama(Variant):
    """Random weights of a Llama-shaped decoder, for experiments that start from nothing."""

    word: ClassVar[str] = "llama"
    layers: Count = Field(description="Decoder layers.")
    hidden: Count = Field(description="Width of the residual stream.", examples=["128"])
    heads: Count = Field(description="Attention heads; they divide `hidden`.")
    kv_heads: Count | None = Field(
        default=None, description="Key-value heads; as many as `heads` unless given."
    )
    intermediate: Count | None = Field(default=None, description="Width of the MLP; 4 x hidden unless given.")
    context: Tokens = Field(default=2048, description="Longest sequence in tokens.")


class OwnTokenizer(Variant):
    """The tokenizer that comes with the model."""

    word: ClassVar[str] = "own"


class BytesTokenizer(Variant):
    """One token a byte of UTF-8, plus the special tokens. Nothing to train, nothing to download."""

    word: ClassVar[str] = "bytes"
    positional: ClassVar[tuple[str, ...]] = ("special",)
    special: Strings = Field(
        default=("<pad>", "<|im_start|>", "<|im_end|>"),
        description="Special tokens; the first with `pad` in its name pads.",
        examples=['["<pad>", "<|user|>", "<|end|>"]'],
    )


class HubTokenizer(Variant):
    """A tokenizer from the hub, pinned to a revision."""

    word: ClassVar[str] = "hub"
    positional: ClassVar[tuple[str, ...]] = ("id",)
    id: Str = Field(description="Hub id.", examples=['"HuggingFaceTB/SmolLM2-135M"'])
    revision: Str | None = Field(
        default=None, description="Commit, tag or branch; `main` unless given.", examples=['"v1.0"']
    )


class PathTokenizer(Variant):
    """A tokenizer in a local folder, relative to the recipe."""

    word: ClassVar[str] = "path"
    positional: ClassVar[tuple[str, ...]] = ("folder",)
    folder: Str = Field(description="Holds `tokenizer.json`.", examples=['"models/tokenizer"'])


Tokenizer = Annotated[
    OwnTokenizer | BytesTokenizer | HubTokenizer | PathTokenizer,
    OneOf(OwnTokenizer, BytesTokenizer, HubTokenizer, PathTokenizer),
]


class Model(Noun):
    """A start model: from the hub, from a folder, or from scratch. Exactly one of `hub`, `path`, `scratch`."""

    hub: Str | None = Field(default=None, description="Hub id.", examples=['"HuggingFaceTB/SmolLM2-135M"'])
    revision: Str | None = Field(
        default=None,
        description="Commit, tag or branch on the hub; a commit is reproducible.",
        examples=['"v1.0"'],
    )
    path: Str | None = Field(
        default=None,
        description="Folder in transformers' format, relative to the recipe.",
        examples=['"models/smol"'],
    )
    gguf: Str | None = Field(
        default=None,
        description="GGUF file inside `path`; its weights are dequantised.",
        examples=['"smol-q4.gguf"'],
    )
    scratch: Annotated[Llama, OneOf(Llama)] | None = Field(
        default=None,
        description="Random weights of this shape.",
        examples=["llama(layers = 3, hidden = 128, heads = 4)"],
    )
    tokenizer: Tokenizer = Field(
        default=OwnTokenizer.unwritten(),
        description="Where the tokenizer comes from.",
        examples=['hub("HuggingFaceTB/SmolLM2-135M")'],
    )
    dtype: Annotated[Literal["bf16", "fp16", "fp32"], choice("bf16", "fp16", "fp32")] = Field(
        default="bf16", description="Number format that the weights are kept in on disk."
    )
    attention: Annotated[
        Literal[
            "auto", "sdpa", "eager", "flash_attention_2", "flash_attention_3", "flash_attention_4", "varlen"
        ],
        choice(
            "auto", "sdpa", "eager", "flash_attention_2", "flash_attention_3", "flash_attention_4", "varlen"
        ),
    ] = Field(
        default="auto",
        description="Attention kernel; `auto` takes the fastest that computes the model's attention and keeps packed "
        "documents apart.",
    )
    license: Str | None = Field(
        default=None,
        description="Licence of the weights, for the cards of models that are made from them.",
        examples=['"apache-2.0"'],
    )
    trust_remote_code: Flag = Field(default=False, description="Run Python code that comes with the model.")
    trained_on: Annotated[tuple[ToDataset, ...], Kind(listed, Doc("names of datasets", "[web, chats]"))] = (
        Field(
            default=(),
            description="Datasets that the model is known to have been trained on: evals are looked for in them.",
            examples=["[chats]"],
        )
    )


class Tags(Variant):
    """The opening and closing tag around a chain of thought."""

    word: ClassVar[str] = "tags"
    positional: ClassVar[tuple[str, ...]] = ("open", "close")
    open: Str = Field(description="Opens a thought.", examples=['"<think>"'])
    close: Str = Field(description="Closes it.", examples=['"</think>"'])


class Template(Noun):
    """A chat template: a file, its text, one that smolc ships (`builtin`), or the tokenizer's own if none is given."""

    file: Str | None = Field(
        default=None, description="Jinja file, relative to the recipe.", examples=['"chat.jinja"']
    )
    text: Str | None = Field(
        default=None,
        description="The Jinja text itself, where a recipe has to stand alone.",
        examples=['"{% for turn in messages %}{{ turn.content }}{% endfor %}"'],
    )
    builtin: Annotated[str, choice(*SHIPPED)] | None = Field(
        default=None, description="One of the templates that smolc ships; all mark what is generated."
    )
    end_of_turn: Str | None = Field(
        default=None,
        description="Token that ends an assistant turn; it must be trained. Known for those that smolc ships.",
        examples=['"<|im_end|>"'],
    )
    thinking: Annotated[Tags, OneOf(Tags)] | None = Field(
        default=None, description="Tags around reasoning.", examples=['tags("<think>", "</think>")']
    )
    enable_thinking: Flag | None = Field(
        default=None, description="Passed to the template where it knows the switch."
    )
    today: Date | None = Field(
        default=None,
        description="The date that the template writes, if it writes one: the same on every day.",
        examples=['"2025-06-30"'],
    )
