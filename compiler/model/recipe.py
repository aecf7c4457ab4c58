"""The whole recipe, and `cluster`: where it runs."""

from __future__ import annotations

from pydantic import Field

from smolc.compiler.model.base import Noun
from smolc.compiler.model.data import Dataset, Mixture
from smolc.compiler.model.evaluation import Eval
from smolc.compiler.model.stage import Stage
from smolc.compiler.model.start import Model, Template
from smolc.compiler.model.types import Count, Natural, Size, Str, ToCluster


class Cluster(Noun):
    """Hardware. The recipe's mathematics does not depend on it."""

    nodes: Count = 1
    gpus: Natural = Field(default=0, description="Per node; 0 means the CPU.")
    gpu: Str = Field(default="h100", description="Model name of the GPU.")
    memory: Size = Field(default=80 * 2**30, description="Of one GPU.")
    processes: Count = Field(default=1, description="Per node, where there are no GPUs.")
    parallel_jobs: Count = Field(
        default=1, description="Independent jobs (the runs of a grid) at the same time."
    )


class Recipe(Noun):
    """A recipe as a whole. `name` is the label of its `recipe` block."""

    name: str
    about: Str = ""
    seed: Natural = 42
    license: Str = ""
    on: ToCluster | None = Field(
        default=None, description="Cluster that it runs on unless `--on` says otherwise."
    )
    models: dict[str, Model]
    datasets: dict[str, Dataset]
    mixtures: dict[str, Mixture]
    templates: dict[str, Template]
    stages: dict[str, Stage]
    evals: dict[str, Eval]
    clusters: dict[str, Cluster]
    runs: dict[str, tuple[Run, ...]] = Field(default_factory=dict)


class Run(Noun):
    """One point of a stage's grid: the values that set it apart (as written, and as numbers where they are some), and
    the stage with them put in."""

    written: dict[str, str]
    values: dict[str, str | int | float | bool]
    stage: Stage


Recipe.model_rebuild()
