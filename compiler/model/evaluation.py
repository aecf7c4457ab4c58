"""`eval`: which models are measured, on what, and what must hold."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, create_model

from smolc.compiler.model.base import Line, Noun, Variant
from smolc.compiler.model.suite import SUITE
from smolc.compiler.model.types import (
    Count,
    Doc,
    Kind,
    NonNegative,
    Ratio,
    Rows,
    Str,
    ToDataset,
    Tokens,
    ToModel,
    choice,
    listed,
)
from smolc.compiler.model.variants import OneOf
from smolc.compiler.syntax import tree


class Whole(Variant):
    """The whole answer, without white space around it."""

    word: ClassVar[str] = "whole"


class After(Variant):
    """What follows a marker, up to the end of its line: `after("####")`."""

    word: ClassVar[str] = "after"
    positional: ClassVar[tuple[str, ...]] = ("marker",)
    marker: Str = Field(description="The last one in the answer counts.", examples=['"####"'])


class LastNumber(Variant):
    """The last number in the answer."""

    word: ClassVar[str] = "last_number"


class Greedy(Variant):
    """Always the likeliest token."""

    word: ClassVar[str] = "greedy"
    max_new: Tokens = Field(default=1024, description="Longest answer in tokens.")


class Sample(Variant):
    """Sampling; the playbook decodes at 0.6 and 0.95."""

    word: ClassVar[str] = "sample"
    temperature: NonNegative = Field(default=0.6, description="0 is greedy.", examples=["0.8"])
    top_p: Ratio = Field(
        default=0.95, description="Only the likeliest tokens that add up to this are drawn.", examples=["0.9"]
    )
    max_new: Tokens = Field(default=32768, description="Longest answer in tokens.")


class SuiteTask(Variant):
    """A task of the suite, by name."""

    avg: Count = Field(default=1, description="Answers sampled per problem; the mean over them is reported.")
    rows: Rows | None = Field(default=None, description="Only so many problems.")
    max_new: Tokens | None = Field(
        default=None, description="Longest answer in tokens, where the eval's does not fit."
    )


SUITE_VARIANTS: dict[str, type[SuiteTask]] = {
    name: create_model(name, __base__=SuiteTask, __doc__=entry.about) for name, entry in SUITE.items()
}
for _name, _variant in SUITE_VARIANTS.items():
    _variant.word = _name


class OwnTask(Noun):
    """`task words { ... }`: exact match on rows of the recipe's own."""

    data: ToDataset = Field(description="A dataset; the last answer of each row is the reference.")
    rows: Rows | None = Field(default=None, description="Only the first so many rows.")
    extract: Annotated[Whole | After | LastNumber, OneOf(Whole, After, LastNumber)] = Field(
        default=Whole.unwritten(), description="What of an answer is compared."
    )
    avg: Count = Field(default=1, description="Answers sampled per problem; the mean over them is reported.")
    max_new: Tokens | None = Field(
        default=None, description="Longest answer in tokens, where the eval's does not fit."
    )


class Check(Line):
    """One line of `expect { ... }`: a score against a number, or against sums of scores and numbers."""

    form: ClassVar[str] = "MODEL.TASK OPERATOR SCORE"
    example: ClassVar[str] = "sft.words >= base.words + 5%"
    left: tree.Path
    operator: str
    right: tuple[tuple[int, tree.Value], ...]
    text: str


class Eval(Noun):
    """Models side by side on the same tasks."""

    of: Annotated[tuple[ToModel, ...], Kind(listed, Doc("names of models and stages", "[base, sft]"))] = (
        Field(description="The models and stages that are measured, side by side.")
    )
    role: Annotated[Literal["validation", "test"], choice("validation", "test")] = Field(
        default="validation",
        description="What is used to pick anything is `validation`; `test` is measured once, at the end.",
    )
    tasks: Annotated[
        tuple[Annotated[SuiteTask, OneOf(*SUITE_VARIANTS.values())], ...],
        Kind(listed, Doc("names of tasks", "[ifeval, gsm8k]")),
    ] = Field(default=(), description="Tasks of the suite.")
    task: dict[str, OwnTask] = Field(default_factory=dict, description="Tasks on the recipe's own rows.")
    decode: Annotated[Greedy | Sample, OneOf(Greedy, Sample)] = Field(
        default=Greedy.unwritten(), description="How answers are generated."
    )
    strip: Annotated[Literal["thinking", "nothing"], choice("thinking", "nothing")] = Field(
        default="thinking",
        description="Reasoning is taken out of what is scored, where the template has tags for it.",
    )
    batch: Count = Field(default=16, description="Prompts generated at once.")
    expect: tuple[Check, ...] = Field(
        default=(), description="What must hold; the run fails with the numbers otherwise."
    )
