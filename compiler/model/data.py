"""`dataset`: rows and how to read them. `mixture`: how much of each."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from smolc.compiler.model.base import Line, Noun, Variant
from smolc.compiler.model.start import Strings
from smolc.compiler.model.types import Epochs, Fraction, Portion, Str, ToDataset, Tokens, choice
from smolc.compiler.model.variants import OneOf


class Messages(Variant):
    """Conversations: a column holding a list of `{"role": ..., "content": ...}`."""

    word: ClassVar[str] = "messages"
    positional: ClassVar[tuple[str, ...]] = ("column",)
    column: Str = Field(
        default="messages", description="Column with the conversation.", examples=['"conversation"']
    )
    tools: Str | None = Field(
        default=None,
        description="Column with the tools that the conversation may call.",
        examples=['"tools"'],
    )
    template_kwargs: Str | None = Field(
        default=None,
        description="Column with variables for the chat template.",
        examples=['"chat_template_kwargs"'],
    )


class PromptCompletion(Variant):
    """A question and its answer, in two columns."""

    word: ClassVar[str] = "prompt_completion"
    positional: ClassVar[tuple[str, ...]] = ("prompt", "completion")
    prompt: Str = Field(default="prompt", description="Column with the question.", examples=['"question"'])
    completion: Str = Field(
        default="completion", description="Column with the answer.", examples=['"answer"']
    )


class Alpaca(Variant):
    """Instruction, optional input, and response."""

    word: ClassVar[str] = "alpaca"
    instruction: Str = Field(
        default="instruction", description="Column with the instruction.", examples=['"task"']
    )
    input: Str | None = Field(
        default="input", description="Column with what it is about; may be empty.", examples=['"context"']
    )
    output: Str = Field(default="output", description="Column with the response.", examples=['"answer"'])


class Preference(Variant):
    """A chosen and a rejected answer. `prompt = ""` where both columns hold whole conversations."""

    word: ClassVar[str] = "preference"
    prompt: Str = Field(
        default="prompt", description='Column with the question; "" if there is none.', examples=['""']
    )
    chosen: Str = Field(default="chosen", description="Column with the better answer.", examples=['"good"'])
    rejected: Str = Field(default="rejected", description="Column with the worse one.", examples=['"bad"'])


class Unpaired(Variant):
    """KTO's data: an answer, and whether it is a good one."""

    word: ClassVar[str] = "unpaired"
    prompt: Str = Field(default="prompt", description="Column with the question.", examples=['"question"'])
    completion: Str = Field(
        default="completion", description="Column with the answer.", examples=['"answer"']
    )
    label: Str = Field(
        default="label",
        description="Column with true for a good answer, false for a bad one.",
        examples=['"good"'],
    )


class PlainText(Variant):
    """Text to continue pretraining on."""

    word: ClassVar[str] = "text"
    positional: ClassVar[tuple[str, ...]] = ("column",)
    column: Str = Field(default="text", description="Column with the text.", examples=['"body"'])


Format = Messages | PromptCompletion | Alpaca | Preference | Unpaired | PlainText


class Condition(Line):
    """One line of `where { ... }`: what a column must hold for a row to be read."""

    form: ClassVar[str] = "COLUMN OPERATOR VALUE"
    example: ClassVar[str] = "score >= 3"
    column: str
    operator: Literal["==", "!=", "<", "<=", ">", ">="]
    value: str | int | float | bool


class Dataset(Noun):
    """Rows from the hub or from local files. Exactly one of `hub` and `path`."""

    hub: Str | None = Field(default=None, description="Hub id.", examples=['"HuggingFaceTB/smoltalk2"'])
    config: Str | None = Field(
        default=None, description="Configuration (subset) on the hub.", examples=['"SFT"']
    )
    split: Str = Field(default="train", description="Split on the hub.", examples=['"train_sft"'])
    revision: Str | None = Field(
        default=None,
        description="Commit, tag or branch on the hub; a commit is reproducible.",
        examples=['"v1.0"'],
    )
    path: Strings | None = Field(
        default=None,
        description="Files (jsonl, json, parquet, csv), relative to the recipe; one or a list.",
        examples=['["a.jsonl", "b.jsonl"]'],
    )
    format: Annotated[Format, OneOf(Messages, PromptCompletion, Alpaca, Preference, Unpaired, PlainText)] = (
        Field(default=Messages.unwritten(), description="What a row looks like, and which columns hold it.")
    )
    system: Str | None = Field(
        default=None, description="System prompt for rows that have none.", examples=['"Answer briefly."']
    )
    role: Annotated[Literal["train", "validation", "test"], choice("train", "validation", "test")] = Field(
        default="train", description="What the rows are for; `test` rows never train and never pick anything."
    )
    where: tuple[Condition, ...] = Field(
        default=(), description="Conditions that a row must meet; all of them."
    )


class All(Variant):
    """Every row, once."""

    word: ClassVar[str] = "all"


class Take(Variant):
    """Part of the *source*, drawn with the seed: `take(50%)` or `take(10_000seq)`."""

    word: ClassVar[str] = "take"
    positional: ClassVar[tuple[str, ...]] = ("amount",)
    amount: Portion = Field(description="How much of the source.")


class Share(Variant):
    """Part of the *mixture*, counted in its basis (tokens, unless it says otherwise)."""

    word: ClassVar[str] = "share"
    positional: ClassVar[tuple[str, ...]] = ("share",)
    share: Fraction = Field(description="How much of the mixture.")
    at_most: Epochs = Field(
        default=1.0, description="How often the source may be repeated to fill its share."
    )


class Row(Line):
    """One line of a mixture: a dataset (or one split of it, in `from`) and its weight."""

    form: ClassVar[str] = "DATASET = WEIGHT"
    example: ClassVar[str] = "chats = all"
    dataset: ToDataset
    split: str | None
    weight: Annotated[All | Take | Share, OneOf(All, Take, Share)]


class Mixture(Noun):
    """What is trained on, and how much of each. Counted in tokens unless `basis` says otherwise."""

    rows: tuple[Row, ...]
    basis: Annotated[Literal["tokens", "examples"], choice("tokens", "examples")] = Field(
        default="tokens", description="What shares are shares of."
    )
    budget: Tokens | None = Field(
        default=None, description="Size of the whole mixture in tokens.", examples=["10Mtok"]
    )
    holdout: Portion | None = Field(
        default=None,
        description="Rows kept out of training for the validation loss: a part, or a number of rows.",
        examples=["2%"],
    )
