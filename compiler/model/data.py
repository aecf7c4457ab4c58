"""`dataset`: rows and how to read them. `mixture`: how much of each."""

from __future__ import annotations

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
    column: Str = "messages"
    tools: Str | None = Field(
        default=None, description="Column with the tools that the conversation may call."
    )
    template_kwargs: Str | None = Field(
        default=None, description="Column with variables for the chat template."
    )


class PromptCompletion(Variant):
    """A question and its answer, in two columns."""

    word: ClassVar[str] = "prompt_completion"
    positional: ClassVar[tuple[str, ...]] = ("prompt", "completion")
    prompt: Str = "prompt"
    completion: Str = "completion"


class Alpaca(Variant):
    """Instruction, optional input, and response."""

    word: ClassVar[str] = "alpaca"
    instruction: Str = "instruction"
    input: Str | None = "input"
    output: Str = "output"


class Preference(Variant):
    """A chosen and a rejected answer. `prompt = ""` where both columns hold whole conversations."""

    word: ClassVar[str] = "preference"
    prompt: Str = "prompt"
    chosen: Str = "chosen"
    rejected: Str = "rejected"


class Unpaired(Variant):
    """KTO's data: an answer, and whether it is a good one."""

    word: ClassVar[str] = "unpaired"
    prompt: Str = "prompt"
    completion: Str = "completion"
    label: Str = "label"


class PlainText(Variant):
    """Text to continue pretraining on."""

    word: ClassVar[str] = "text"
    positional: ClassVar[tuple[str, ...]] = ("column",)
    column: Str = "text"


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

    hub: Str | None = Field(default=None, description="Hub id.")
    config: Str | None = Field(default=None, description="Configuration (subset) on the hub.")
    split: Str = Field(default="train", description="Split on the hub.")
    revision: Str | None = Field(default=None, description="Commit, tag or branch on the hub.")
    path: Strings | None = Field(
        default=None, description="Files (jsonl, json, parquet, csv), relative to the recipe; one or a list."
    )
    format: Annotated[Format, OneOf(Messages, PromptCompletion, Alpaca, Preference, Unpaired, PlainText)] = (
        Field(default=Messages(), description="What a row looks like, and which columns hold it.")
    )
    system: Str | None = Field(default=None, description="System prompt for rows that have none.")
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
    amount: Portion


class Share(Variant):
    """Part of the *mixture*, counted in its basis (tokens, unless it says otherwise)."""

    word: ClassVar[str] = "share"
    positional: ClassVar[tuple[str, ...]] = ("share",)
    share: Fraction
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
    budget: Tokens | None = Field(default=None, description="Size of the whole mixture in tokens.")
    holdout: Portion | None = Field(
        default=None,
        description="Rows kept out of training for the validation loss: a part, or a number of rows.",
    )
