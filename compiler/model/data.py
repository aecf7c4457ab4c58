"""`dataset`: rows and how to read them. `mixture`: how much of each."""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag

from smolc.compiler.model import filters
from smolc.compiler.model.base import Line, Noun, Variant
from smolc.compiler.model.errors import wrong
from smolc.compiler.model.filters import Filter
from smolc.compiler.model.formats import FORMATS, Format, Messages
from smolc.compiler.model.texts import Paths
from smolc.compiler.model.types import (
    Amount,
    Cap,
    Flag,
    Fraction,
    Kind,
    Link,
    Made,
    Portion,
    Quantity,
    Repeat,
    Similarity,
    Str,
    ToDataset,
    Tokens,
    ToRows,
    Words,
    choice,
)
from smolc.compiler.model.variants import OneOf
from smolc.compiler.syntax import tree


class Where(Line):
    """One line of `where { ... }`; a row is read if all of them hold. With `or` and `not`: `where = ...`."""

    form: ClassVar[str] = "COLUMN OPERATOR VALUE"
    example: ClassVar[str] = "score >= 3"


class Refuse(Variant):
    """One that cannot be used ends the run, which says how many there are, and names the first."""

    word: ClassVar[str] = "error"


class Drop(Variant):
    """Such rows are left out, as long as they are few: `drop(at_most = 1%)`."""

    word: ClassVar[str] = "drop"
    positional: ClassVar[tuple[str, ...]] = ("at_most",)
    at_most: Fraction = Field(
        default=0.001, description="Part of the source's rows; more is an error.", examples=["1%"]
    )


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
    streaming: Flag = Field(
        default=False,
        description="Read from the hub row by row, for what does not fit on the disk.",
        examples=["true"],
    )
    path: Paths | None = Field(
        default=None,
        description="Files (jsonl, json, parquet, csv; also .gz and .zst), relative to the recipe, or an address "
        "(s3://, gs://, az://, hf://); one or a list. `*`, `?`, `[...]` and `**` stand for names.",
        examples=['"data/*.jsonl.gz"'],
    )
    format: Annotated[Format, OneOf(*FORMATS)] = Field(
        default=Messages.unwritten(), description="What a row looks like, and which columns hold it."
    )
    bad_rows: Annotated[Refuse | Drop, OneOf(Refuse, Drop)] = Field(
        default=Refuse.unwritten(),
        description="What happens to rows that are not what `format` says; those dropped are counted and listed.",
        examples=["drop(at_most = 0.1%)"],
    )
    license: Str | None = Field(
        default=None,
        description="Licence of the rows, for the cards of models that learn from them.",
        examples=['"cc-by-4.0"'],
    )
    system: Str | None = Field(
        default=None, description="System prompt for rows that have none.", examples=['"Answer briefly."']
    )
    role: Annotated[Literal["train", "validation", "test"], choice("train", "validation", "test")] = Field(
        default="train", description="What the rows are for; `test` rows never train and never pick anything."
    )
    where: Annotated[Filter | None, Made(), Kind(filters.given, filters.DOC)] = Field(
        default=None,
        description="Which rows are read: comparisons of columns, joined by `and`, `or` and `not`.",
        examples=['length < 8Ki and lang == "en"'],
    )


class All(Variant):
    """Every row, once; of a large source, no more than `at_most`."""

    word: ClassVar[str] = "all"
    at_most: Cap | None = Field(
        default=None, description="Tokens or rows of the source, at most.", examples=["1Mtok"]
    )


class Take(Variant):
    """Part of the *source*, drawn with the seed: `take(50%)`, `take(10_000seq)` or `take(5Mtok)`."""

    word: ClassVar[str] = "take"
    positional: ClassVar[tuple[str, ...]] = ("amount",)
    amount: Amount = Field(description="How much of the source.")


class Share(Variant):
    """Part of the *mixture*, counted in its basis (tokens, unless it says otherwise)."""

    word: ClassVar[str] = "share"
    positional: ClassVar[tuple[str, ...]] = ("share",)
    share: Fraction = Field(description="How much of the mixture.")
    at_most: Repeat = Field(
        default=Quantity(1, "epoch"),
        description="How often the source may be repeated to fill its share (`4epoch`), or how many of its tokens "
        "or rows there may be, without repeating it.",
    )

    @property
    def epochs(self) -> float:
        """How often each row may be in the mixture."""
        return float(self.at_most.value) if self.at_most.unit == "epoch" else 1.0


def more_than_all(passes: float) -> str:
    """Help for who wants each row of a source so often, as `120%` or `2epoch`."""
    return f"write `all`, or repeat it: `share(..., at_most = {passes:g}epoch)`"


def _at_most_all(value: Any) -> Any:
    """No constructor takes such a number alone."""
    if isinstance(value, tree.Number) and value.unit in ("%", "epoch") and value.value > 1:
        raise wrong(
            f"{value.text} is out of range: a source gives each of its rows once",
            value.span,
            help=more_than_all(value.value),
            name="out-of-range",
        )
    return value


class Row(Line):
    """One line of a mixture: a dataset (or one split of it, in `from`) and its weight."""

    form: ClassVar[str] = "DATASET = WEIGHT"
    example: ClassVar[str] = "chats = all"
    dataset: ToRows
    split: str | None
    weight: Annotated[All | Take | Share, OneOf(All, Take, Share), BeforeValidator(_at_most_all)]


class NoDedup(Variant):
    """Rows are trained as often as the data has them."""

    word: ClassVar[str] = "none"


class ExactDedup(Variant):
    """Of rows that are the same but for case and spaces, the first is kept."""

    word: ClassVar[str] = "exact"


class NearDedup(Variant):
    """Of rows that share most of their five-word shingles, too, the first is kept."""

    word: ClassVar[str] = "near"
    positional: ClassVar[tuple[str, ...]] = ("threshold",)
    threshold: Similarity = Field(
        default=0.8, description="Jaccard similarity from which two rows are the same.", examples=["70%"]
    )


class NoDecontamination(Variant):
    """Rows are not compared with what the recipe's evals ask."""

    word: ClassVar[str] = "none"


class Ngram(Variant):
    """Rows that share `n` words in a row with a question or an answer of the recipe's evals."""

    word: ClassVar[str] = "ngram"
    positional: ClassVar[tuple[str, ...]] = ("n",)
    n: Words = Field(default=13, description="Words in a row.", examples=["8"])
    action: Annotated[Literal["drop", "error"], choice("drop", "error")] = Field(
        default="drop", description="Whether such rows are left out and listed, or end the run."
    )


Holdout = Annotated[
    Annotated[Portion, Tag("part")] | Annotated[ToDataset, Tag("dataset")],
    Discriminator(lambda value: "dataset" if isinstance(value, (tree.Ref, Link)) else "part"),
]
"""A portion of a mixture, or the name of what it has beside it."""


class Mixture(Noun):
    """What is trained on, and how much of each. Counted in tokens unless `basis` says otherwise."""

    rows: tuple[Row, ...]
    basis: Annotated[Literal["tokens", "trained", "examples"], choice("tokens", "trained", "examples")] = (
        Field(
            default="tokens",
            description="What shares are shares of: tokens, those of them that are trained, or rows.",
        )
    )
    budget: Tokens | None = Field(
        default=None, description="Size of the whole mixture in tokens.", examples=["10Mtok"]
    )
    holdout: Holdout | None = Field(
        default=None,
        description="Rows for the validation loss: a part of these, or a number, which is kept out of training; or a "
        "dataset of its own.",
        examples=["2%", "picks"],
    )
    dedup: Annotated[NoDedup | ExactDedup | NearDedup, OneOf(NoDedup, ExactDedup, NearDedup)] = Field(
        default=NoDedup.unwritten(), description="Which rows count as the same, so that one of them is kept."
    )
    decontaminate: Annotated[NoDecontamination | Ngram, OneOf(NoDecontamination, Ngram)] = Field(
        default=NoDecontamination.unwritten(),
        description="Rows that the recipe's own evals ask or expect, kept out of training.",
    )

    @property
    def held_part(self) -> Quantity | None:
        """What of its rows is held out."""
        return self.holdout if isinstance(self.holdout, Quantity) else None

    @property
    def held_data(self) -> Link | None:
        """The dataset that is held out instead."""
        return self.holdout if isinstance(self.holdout, Link) else None
