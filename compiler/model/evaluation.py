"""`eval`: which models are measured, on what, and what must hold."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from smolc.compiler.model.base import Line, Noun, Variant
from smolc.compiler.model.tasks import AnySuiteTask, OwnTask, Replicates, Vibe
from smolc.compiler.model.types import (
    Count,
    Doc,
    Flag,
    Kind,
    NonNegative,
    Ratio,
    Str,
    Tokens,
    ToModel,
    choice,
    listed,
)
from smolc.compiler.model.variants import OneOf
from smolc.compiler.syntax import tree


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
    tasks: Annotated[tuple[AnySuiteTask, ...], Kind(listed, Doc("names of tasks", "[ifeval, gsm8k]"))] = (
        Field(default=(), description="Tasks of the suite.")
    )
    task: dict[str, OwnTask] = Field(default_factory=dict, description="Tasks on the recipe's own rows.")
    vibe: dict[str, Vibe] = Field(default_factory=dict, description="Prompts whose answers people read.")
    checkpoints: Annotated[Literal["none", "all"], choice("none", "all")] = Field(
        default="none",
        description="Whether the checkpoints that the stages in `of` keep are measured, too, as `sft@120`.",
    )
    decode: Annotated[Greedy | Sample, OneOf(Greedy, Sample)] = Field(
        default=Greedy.unwritten(), description="How answers are generated."
    )
    strip: Annotated[Literal["thinking", "nothing"], choice("thinking", "nothing")] = Field(
        default="thinking",
        description="Reasoning is taken out of what is scored, where the template has tags for it.",
    )
    judge: ToModel | None = Field(default=None, description="The model that grades or compares open answers.")
    judge_pin: Str | None = Field(
        default=None,
        description="Fingerprint of the judge's weights, as the results tell it; another judge is refused.",
        examples=['"sha256:5f2c... bfloat16"'],
    )
    run_code: Flag = Field(
        default=False,
        description="Whether programs that a model writes are run: alone, without network, and within limits.",
        examples=["true"],
    )
    contamination: Annotated[Literal["error", "warn", "none"], choice("error", "warn", "none")] | None = (
        Field(
            default=None,
            description="What happens where training data holds its problems: `error` for tests, `warn` for others unless "
            "given. What is found is in the report.",
            examples=["warn"],
        )
    )
    engine: Annotated[Literal["auto", "transformers", "vllm"], choice("auto", "transformers", "vllm")] = (
        Field(default="auto", description="What generates: vLLM where it is installed and there is a GPU.")
    )
    batch: Count | None = Field(
        default=None, description="Prompts generated at once; as many as fit unless given.", examples=["32"]
    )
    replicates: dict[str, Replicates] = Field(
        default_factory=dict, description="Known scores that must come out first."
    )
    expect: tuple[Check, ...] = Field(
        default=(), description="What must hold; the run fails with the numbers otherwise."
    )
