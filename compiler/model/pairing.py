"""`pairs`: which of two answers to a prompt is the better one, and who says so."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from smolc.compiler.model.base import Noun, Variant
from smolc.compiler.model.data import Dataset, Refuse
from smolc.compiler.model.formats import Preference
from smolc.compiler.model.tasks import After, LastNumber, Whole
from smolc.compiler.model.types import (
    Count,
    Doc,
    Flag,
    Fraction,
    Kind,
    Link,
    NonNegative,
    Str,
    ToAnswers,
    ToDataset,
    ToModel,
    choice,
    listed,
)
from smolc.compiler.model.variants import OneOf

Answers = Annotated[
    tuple[ToAnswers, ...], Kind(listed, Doc("names of `generate` blocks or datasets", "[answers]"))
]

_OF = Field(description="Whose answers are compared, all to the same prompt with each other.")
_PROBLEMS = Field(
    default=None,
    description="The rows that say what is right, found by their prompt; those that were answered unless given.",
    examples=["problems"],
)


class Strength(Variant):
    """Answers of a strong model over those of a weak one, whatever they say: `strength(chosen = big, rejected = small)`."""

    word: ClassVar[str] = "strength"
    chosen: Answers = Field(description="Answers of the stronger one.", examples=["strong"])
    rejected: Answers = Field(description="Answers of the weaker one.", examples=["weak"])


class Exact(Variant):
    """Right answers over wrong ones: what is extracted from an answer is compared with the row's own answer."""

    word: ClassVar[str] = "exact"
    positional: ClassVar[tuple[str, ...]] = ("of",)
    of: Answers = _OF
    extract: Annotated[Whole | After | LastNumber, OneOf(Whole, After, LastNumber)] = Field(
        default=Whole.unwritten(), description="What of an answer is compared.", examples=["last_number"]
    )
    problems: ToDataset | None = _PROBLEMS


class Tests(Variant):
    """Programs that pass their unit tests over those that fail. They run alone, without network and within limits."""

    word: ClassVar[str] = "tests"
    positional: ClassVar[tuple[str, ...]] = ("of",)
    of: Answers = _OF
    rows: Annotated[
        Literal["mbpp", "humaneval", "livecodebench"], choice("mbpp", "humaneval", "livecodebench")
    ] = Field(default="mbpp", description="Whose columns hold the tests: rows are as that data is published.")
    problems: ToDataset | None = _PROBLEMS


class Scorer(Variant):
    """Answers that a reward model scores higher: a model with one number as its output."""

    word: ClassVar[str] = "scorer"
    positional: ClassVar[tuple[str, ...]] = ("of",)
    of: Answers = _OF
    model: ToModel = Field(description="The reward model.", examples=["reward"])
    margin: NonNegative = Field(
        default=0.0, description="Scores closer than this are a tie.", examples=["0.5"]
    )


class Judged(Variant):
    """Answers that a judge prefers: a model that is asked, with the prompts that evals use."""

    word: ClassVar[str] = "judge"
    positional: ClassVar[tuple[str, ...]] = ("of",)
    of: Answers = _OF
    model: ToModel = Field(description="The model that judges.", examples=["referee"])
    style: Annotated[Literal["grade", "pairwise"], choice("grade", "pairwise")] = Field(
        default="grade",
        description="Whether each answer gets a grade from 1 to 10, or each is compared with each, in both orders.",
    )
    margin: NonNegative = Field(
        default=1.0, description="Grades closer than this are a tie; for `grade`.", examples=["2"]
    )
    pin: Str | None = Field(
        default=None,
        description="Fingerprint of the judge's weights, as the results tell it; another judge is refused.",
        examples=['"sha256:5f2c... bfloat16"'],
    )
    prompt_pin: Str | None = Field(
        default=None,
        description="Hash of what the judge is asked, as the results tell it; another prompt is refused.",
        examples=['"0a53bd9fc1e26f94"'],
    )


class DropSome(Variant):
    """They are left out, as long as they are few: `drop(at_most = 5%)`."""

    word: ClassVar[str] = "drop"
    positional: ClassVar[tuple[str, ...]] = ("at_most",)
    at_most: Fraction = Field(
        default=0.05,
        description="Part of the answers, of the couples compared and of the pairs; more is an error.",
        examples=["1%"],
    )


By = Strength | Exact | Tests | Scorer | Judged


class Pairs(Noun):
    """Preference rows made of answers: a prompt with a better and a worse one. A stage or a mixture reads them like a
    dataset with `format = preference`."""

    by: Annotated[By, OneOf(Strength, Exact, Tests, Scorer, Judged)] = Field(
        description="What makes one answer better than another.",
        examples=["strength(chosen = strong, rejected = weak)"],
    )
    at_most: Count = Field(
        default=1,
        description="Pairs of each prompt: those furthest apart, then those of answers that no pair has, then by the seed.",
        examples=["4"],
    )
    ties: Annotated[Literal["drop", "error"], choice("drop", "error")] = Field(
        default="drop",
        description="What happens to two answers that are the same or as good, or nearer than the margin.",
    )
    unfinished: Annotated[Literal["drop", "keep"], choice("drop", "keep")] = Field(
        default="drop",
        description="What happens to answers that did not end by themselves within `max_new` tokens.",
    )
    bad_pairs: Annotated[Refuse | DropSome, OneOf(Refuse, DropSome)] = Field(
        default=DropSome.unwritten(),
        description="What happens to answers without a word or a verdict, and to pairs that contradict each other "
        "or are no pairs as the template writes them; those dropped are counted and listed.",
        examples=["drop(at_most = 1%)"],
    )
    run_code: Flag = Field(
        default=False,
        description="Whether programs that a model wrote are run, for `tests`.",
        examples=["true"],
    )

    @property
    def answers(self) -> tuple[Link, ...]:
        """All that it is made of."""
        by = self.by
        return (*by.chosen, *by.rejected) if isinstance(by, Strength) else by.of

    @property
    def judges(self) -> tuple[Link, ...]:
        """Models and stages that say which answer is better."""
        return (self.by.model,) if isinstance(self.by, (Scorer, Judged)) else ()

    @property
    def tolerated(self) -> float:
        """The part of the answers, and of the pairs made of them, that may be dropped for what is wrong with them."""
        return self.bad_pairs.at_most if isinstance(self.bad_pairs, DropSome) else 0.0

    @property
    def as_dataset(self) -> Dataset:
        """What reads a dataset reads of these: preference rows, which lie nowhere before they are made."""
        made = Dataset.model_construct(format=Preference.unwritten())
        object.__setattr__(made, "__pydantic_private__", {"_origin": self._where()})
        return made
