"""`generate`: answers of a model to prompts, which `pairs` are made of."""

from typing import Annotated, Literal

from pydantic import Field

from smolc.compiler.model.base import Noun
from smolc.compiler.model.evaluation import Greedy, Sample
from smolc.compiler.model.types import Count, Natural, Rows, Steps, ToModel, ToPrompts, choice
from smolc.compiler.model.variants import OneOf


class Generate(Noun):
    """Answers of a model or a stage to a set of prompts: sampled once, kept, and read by `pairs`."""

    of: ToModel = Field(description="The model or the stage that answers.")
    checkpoint: Steps | None = Field(
        default=None,
        description="The step of the stage whose kept checkpoint answers; the trained stage itself unless given.",
        examples=["120step"],
    )
    prompts: ToPrompts = Field(
        description="A dataset or a mixture: what stands before the last answer of a row is the prompt."
    )
    subset: Rows | None = Field(
        default=None, description="Only so many of the prompts, drawn with the seed.", examples=["2_000seq"]
    )
    samples: Count = Field(default=1, description="Answers to each prompt.", examples=["4"])
    decode: Annotated[Greedy | Sample, OneOf(Greedy, Sample)] = Field(
        default=Greedy.unwritten(), description="How answers are generated; as in an `eval`."
    )
    seed: Natural | None = Field(
        default=None, description="Of the draws; the recipe's unless given.", examples=["7"]
    )
    engine: Annotated[Literal["auto", "transformers", "vllm"], choice("auto", "transformers", "vllm")] = (
        Field(default="auto", description="What generates: vLLM where it is installed and there is a GPU.")
    )
    batch: Count | None = Field(
        default=None, description="Prompts answered at once; as many as fit unless given.", examples=["32"]
    )
