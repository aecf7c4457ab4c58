"""The whole recipe, and `cluster`: where it runs."""

from typing import Annotated

from pydantic import Field

from smolc.compiler.model.base import Noun
from smolc.compiler.model.data import Dataset, Mixture
from smolc.compiler.model.evaluation import Eval
from smolc.compiler.model.generation import Generate
from smolc.compiler.model.merge import Merge
from smolc.compiler.model.pairing import Pairs
from smolc.compiler.model.publish import Publish
from smolc.compiler.model.stage import Stage
from smolc.compiler.model.start import Model, Template
from smolc.compiler.model.types import Count, Made, Natural, Size, Str, ToCluster


class Cluster(Noun):
    """Hardware. The recipe's mathematics does not depend on it."""

    nodes: Count = Field(default=1, description="Machines.", examples=["2"])
    gpus: Natural = Field(default=0, description="Per node; 0 means the CPU.", examples=["8"])
    gpu: Str = Field(default="h100", description="Model name of the GPU.", examples=['"h200"'])
    memory: Size = Field(default=80 * 2**30, description="Of one GPU.", examples=["141GiB"])
    processes: Count = Field(default=1, description="Per node, where there are no GPUs.")
    parallel_jobs: Count = Field(
        default=1, description="Independent jobs (the runs of a grid) at the same time."
    )


class Run(Noun):
    """One point of a stage's grid: the values that set it apart (as written, and as numbers where they are some), and
    the stage with them put in."""

    written: dict[str, str]
    values: dict[str, str | int | float | bool]
    stage: Annotated[Stage, Made()]


class Recipe(Noun):
    """A recipe as a whole: what it is called, and what holds for all of it."""

    name: str
    about: Str = Field(
        default="", description="What the recipe is for; it heads the report.", examples=['"SFT on maths."']
    )
    seed: Natural = Field(
        default=42,
        description="Of sampling, shuffling and weights; the same seed, the same run.",
        examples=["1"],
    )
    license: Str = Field(
        default="",
        description="License of the recipe, as an SPDX id; for its readers.",
        examples=['"apache-2.0"'],
    )
    on: ToCluster | None = Field(
        default=None, description="Cluster that it runs on unless `--on` says otherwise."
    )
    models: Annotated[dict[str, Model], Made()]
    datasets: Annotated[dict[str, Dataset], Made()]
    mixtures: Annotated[dict[str, Mixture], Made()]
    templates: Annotated[dict[str, Template], Made()]
    stages: Annotated[dict[str, Stage], Made()]
    merges: Annotated[dict[str, Merge], Made()]
    generates: Annotated[dict[str, Generate], Made()]
    pairs: Annotated[dict[str, Pairs], Made()]
    evals: Annotated[dict[str, Eval], Made()]
    publishes: Annotated[dict[str, Publish], Made()]
    clusters: Annotated[dict[str, Cluster], Made()]
    runs: Annotated[dict[str, tuple[Run, ...]], Made()] = Field(default_factory=dict)

    def rows(self, name: str) -> Dataset:
        """What a mixture or a stage reads under a name: a dataset, or what `pairs` make."""
        return self.pairs[name].as_dataset if name in self.pairs else self.datasets[name]
