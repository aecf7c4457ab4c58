"""What an `eval` measures: tasks of the suite, of the recipe's own, vibe tests; and scores that are known."""

from typing import Annotated, Any, ClassVar

from pydantic import Field, create_model

from smolc.compiler.model.base import Noun, Variant
from smolc.compiler.model.suite import SUITE
from smolc.compiler.model.texts import Paths
from smolc.compiler.model.types import (
    Count,
    Doc,
    Kind,
    Natural,
    Rows,
    Score,
    Str,
    ToDataset,
    Tokens,
    ToModel,
    listed,
)
from smolc.compiler.model.variants import OneOf

PassAt = Annotated[tuple[Count, ...], Kind(listed, Doc("one k or a list of them", "[1, 8]"))]

_SUBSET = Field(
    default=None,
    description="Only so many problems, drawn with the recipe's seed; the interval says what that costs.",
    examples=["200"],
)
_STRATA = Field(
    default=None,
    description="Column whose values keep their share in the subset.",
    examples=['"category"'],
)
_AVG = Field(default=1, description="Answers sampled per problem; the mean over them is reported.")
_PASS = Field(
    default=(),
    description="Also the chance that one of k answers is right, from the `avg` answers: the score `NAME_pass8`.",
    examples=["[1, 8]"],
)
_MAX_NEW = Field(default=None, description="Longest answer in tokens, where the eval's does not fit.")


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


class SuiteTask(Variant):
    """A task of the suite, by name."""

    avg: Count = _AVG
    subset: Rows | None = _SUBSET
    pass_at: PassAt = _PASS
    max_new: Tokens | None = _MAX_NEW
    file: Paths | None = Field(
        default=None,
        description="A copy of its data in the shape in which it is published, where the hub is out of reach.",
        examples=['"evals/gsm8k_test.jsonl"'],
    )


_REFRESH = (
    Natural,
    Field(
        default=0,
        description="Seed of the problems: another one gives problems nobody has seen.",
        examples=["7"],
    ),
)
_EXTRA: dict[str, dict[str, Any]] = {
    "fresh": {
        "refresh": _REFRESH,
    },
    "needle": {
        "refresh": _REFRESH,
        "lengths": (
            Annotated[tuple[Tokens, ...], Kind(listed, Doc("one length or a list of them", "[4Ki, 16Ki]"))],
            Field(default=(4096,), description="Tokens of the prompt.", examples=["[4Ki, 16Ki]"]),
        ),
        "depths": (Count, Field(default=5, description="Places of the fact, from the start to the end.")),
    },
    "pairwise": {
        "against": (
            ToModel | None,
            Field(
                default=None,
                description="Whose answers the others are compared with; those of the data unless given.",
                examples=["sft"],
            ),
        ),
    },
}
"""What only tasks of one type (or style) take."""

SUITE_VARIANTS: dict[str, type[SuiteTask]] = {
    name: create_model(
        name,
        __base__=SuiteTask,
        __doc__=entry.about,
        **_EXTRA.get(entry.type, {}),
        **_EXTRA.get(entry.style or "", {}),
    )
    for name, entry in SUITE.items()
}
for _name, _variant in SUITE_VARIANTS.items():
    _variant.word = _name

AnySuiteTask = Annotated[SuiteTask, OneOf(*SUITE_VARIANTS.values())]


class OwnTask(Noun):
    """`task words { ... }`: exact match on rows of the recipe's own."""

    data: ToDataset = Field(description="A dataset; the last answer of each row is the reference.")
    subset: Rows | None = _SUBSET
    strata: Str | None = _STRATA
    extract: Annotated[Whole | After | LastNumber, OneOf(Whole, After, LastNumber)] = Field(
        default=Whole.unwritten(), description="What of an answer is compared."
    )
    avg: Count = _AVG
    pass_at: PassAt = _PASS
    max_new: Tokens | None = _MAX_NEW


class Vibe(Noun):
    """`vibe taste { ... }`: answers that people read, side by side; they are not scored."""

    file: Paths = Field(
        description="Prompts, one a line: `messages`, `turns` or `prompt`, and `system`, `tools`, `category` and `note` "
        "(what to look for) where there are some.",
        examples=['"vibe/basics.jsonl"'],
    )
    subset: Rows | None = _SUBSET
    strata: Str | None = _STRATA
    max_new: Tokens | None = _MAX_NEW


class Replicates(Noun):
    """`replicates ifeval { ... }`: a score that a model is known to have. Nothing else is measured unless it comes out."""

    model: ToModel = Field(description="A published model, as its authors measured it.")
    score: Score = Field(description="What they report.", examples=["29.9%"])
    tolerance: Score = Field(default=0.02, description="How far off it may come out.", examples=["3%"])


LABELLED: dict[str, type[Noun]] = {"task": OwnTask, "vibe": Vibe, "replicates": Replicates}
"""Blocks that an eval may have several of, each with a name."""
