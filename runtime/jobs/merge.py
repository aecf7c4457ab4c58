"""`kind: merge`: one model made of the weights of several that have one architecture. No GPU is needed.

Outputs in `out/<id>/`: `model/` as a training job leaves it (weights, config, tokenizer, template, generation config) and
`result.json`: `model`, `parameters`, `merged` (`[{"name", "weight"}]`, checkpoints as `sft@120`; the weight of a tensor
that slerp takes along the arc is another one), `method`, `like`, `dtype`, for slerp `at`, `arcs` and `lines` (tensors
that were interpolated along the arc and along the line).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from smolc.runtime.jobs.base import Job, Strict


class Linear(Strict):
    """The sum of the inputs, each times its weight; the weights are not normalised."""

    type: Literal["linear"]
    weights: tuple[float, ...]


class Slerp(Strict):
    """at: 0 is the first input, 1 the second."""

    type: Literal["slerp"]
    at: float


class Soup(Strict):
    type: Literal["soup"]


class Input(Strict):
    """name: as the recipe says it. job: the job that made the model."""

    name: str
    job: str


class MergeJob(Job):
    """like: the name of the input whose config, tokenizer, template, generation config and dtype the result has.
    checkpoints: whether those that training jobs among the inputs kept go into it, too."""

    kind: Literal["merge"]
    inputs: tuple[Input, ...]
    method: Annotated[Linear | Slerp | Soup, Field(discriminator="type")]
    like: str
    checkpoints: bool
    trust_remote_code: bool
