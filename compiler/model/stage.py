"""`stage`: one training run, or a grid of them."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from smolc.compiler.model.base import Line, Noun, Variant
from smolc.compiler.model.methods import (
    Adamw,
    Adapter,
    AutoParallel,
    Full,
    Method,
    NoPacking,
    Optimizer,
    Packing,
    Parallel,
)
from smolc.compiler.model.schedules import Cosine, Schedule
from smolc.compiler.model.types import (
    Batch,
    Count,
    Doc,
    Interval,
    Kind,
    Length,
    MetricName,
    Natural,
    Quantity,
    Rung,
    Steps,
    ToCluster,
    ToData,
    ToModel,
    ToTemplate,
    choice,
    listed,
)
from smolc.compiler.model.variants import OneOf
from smolc.compiler.syntax import tree

SAVE_EVERY = Quantity(0.2, "%")
EVALUATE_EVERY = Quantity(0.2, "%")
"""What a stage takes that says neither."""


class Minimum(Variant):
    """The run with the smallest value wins: `min(eval_loss)`."""

    word: ClassVar[str] = "min"
    positional: ClassVar[tuple[str, ...]] = ("metric",)
    metric: MetricName = Field(description="`eval_loss`, a task, or `TASK_loss` of an own task.")


class Maximum(Variant):
    """The run with the largest value wins: `max(gsm8k)`."""

    word: ClassVar[str] = "max"
    positional: ClassVar[tuple[str, ...]] = ("metric",)
    metric: MetricName = Field(description="`eval_loss`, or a task of an eval.")


class Axis(Line):
    """One line of a sweep: a path in the stage, and the values it takes."""

    form: ClassVar[str] = "PATH = [VALUE, ...]"
    example: ClassVar[str] = "optim.lr = [1e-5, 3e-5]"
    path: tree.Path
    values: tuple[tree.Value, ...]


class Sweep(Noun):
    """A grid beside the stage's own values. `grid` tries all combinations, `zip` goes through the lists in step."""

    axes: tuple[Axis, ...]
    pick: Annotated[Minimum | Maximum, OneOf(Minimum, Maximum)] = Field(
        description="What decides: `min(eval_loss)`, or `max(TASK)` of an eval with `role = validation`."
    )
    mode: Annotated[Literal["grid", "zip"], choice("grid", "zip")] = Field(
        default="grid", description="All combinations, or the lists in step."
    )
    at_most: Count = Field(
        default=32, description="A larger number of runs is an error, so that none is by accident."
    )
    halve_at: Annotated[tuple[Rung, ...], Kind(listed, Doc("parts of the run", "[25%, 50%]"))] = Field(
        default=(),
        description="Successive halving: from each of these parts of the steps on, at the first one whose loss is logged "
        "(`log_every`), the worse half stops, by held-out loss. The better half, rounded up, goes on as if nothing had "
        "been; of equals, what is written first. A large learning rate looks worse before it has decayed than it ends, so "
        "early rungs favour small ones.",
        examples=["50%", "[25%, 50%]"],
    )


class Stage(Noun):
    """One step of post-training. `init` and `data` name what it starts from and what it learns from."""

    init: ToModel = Field(
        description="A model, or an earlier stage (`sft` or `sft.best`: its grid's winner)."
    )
    method: Method = Field(
        description="What is learnt from the data, and how.", examples=["sft(loss_on = assistant)"]
    )
    data: ToData = Field(description="A mixture or a dataset.")
    template: ToTemplate | None = Field(
        default=None, description="The chat template; the init stage's unless given."
    )
    adapter: Adapter = Field(
        default=Full.unwritten(), description="Whether all weights are trained, or a few new ones."
    )
    packing: Packing = Field(
        default=NoPacking.unwritten(), description="How conversations are put into rows."
    )
    overlong: Annotated[
        Literal["error", "drop", "truncate", "split"], choice("error", "drop", "truncate", "split")
    ] = Field(
        default="error",
        description="What happens to rows longer than the packing's `length`; counted in the report. `truncate` "
        "keeps their beginning, `split` makes several rows of them.",
    )
    batch: Batch | None = Field(
        default=None,
        description="Sequences or tokens per optimiser step, the same on any number of devices. "
        "Unless given: 128seq, and 32seq for preferences, where a sequence is a pair.",
    )
    micro_batch: Annotated[Literal["auto"], choice("auto")] | Count = Field(
        default="auto",
        description="Sequences per device and forward pass. The batch stays what it is, and so do the results, but for "
        "`kto`, `aot` and `aot_unpaired`, whose losses compare the sequences of one pass.",
    )
    length: Length = Field(
        default=Quantity(1, "epoch"),
        description="How long it trains: epochs, steps or tokens. All steps have as many sequences: what is missing in the "
        "last one is filled up with rows of another pass.",
    )
    optim: Optimizer = Field(
        default=Adamw.unwritten(), description="The optimiser, with its peak learning rate."
    )
    schedule: Schedule = Field(default=Cosine.unwritten(), description="How the learning rate moves.")
    precision: Annotated[
        Literal["bf16", "bf16_pure", "fp16", "fp32"], choice("bf16", "bf16_pure", "fp16", "fp32")
    ] = Field(
        default="bf16",
        description="`bf16` keeps fp32 master weights; `bf16_pure` does not, and loses small updates.",
    )
    parallel: Parallel = Field(
        default=AutoParallel.unwritten(), description="How the devices share the work."
    )
    kernels: Annotated[
        Literal["auto", "liger", "compiled", "none"], choice("auto", "liger", "compiled", "none")
    ] = Field(
        default="auto",
        description="How layers are computed on a GPU: `compiled` is the fastest and needs a minute to start, `liger` are "
        "Liger's fused kernels. `auto` compiles long runs, else takes Liger's where they are installed.",
    )
    checkpointing: Annotated[Literal["auto", "true", "false"], choice("auto", "true", "false")] = Field(
        default="auto",
        description="Recompute activations in the backward pass: less memory, about a third slower.",
    )
    log_every: Steps = Field(
        default=10,
        description="How often the loss is written down, as a mean over the steps since the time before; also at the first "
        "step, at the last and where a checkpoint is kept.",
        examples=["1step"],
    )
    evaluate_every: Interval | None = Field(
        default=None, description="How often the validation loss is measured; 20% unless given."
    )
    save_every: Interval | None = Field(
        default=None, description="How often a checkpoint to resume from is kept; 20% unless given."
    )
    on: ToCluster | None = Field(
        default=None,
        description="Cluster of this stage, where it is not the recipe's; `--on` overrides both.",
    )
    keep: Natural = Field(
        default=2,
        description="How many checkpoints are kept, the newest ones. When the run is over, that of the last step goes, "
        "which is the model itself, and of the others only the weights stay: one less than this.",
        examples=["1"],
    )
    diverged: Annotated[Literal["auto", "nan"], choice("auto", "nan")] = Field(
        default="auto",
        description="What ends a run before its end: a loss or gradient that is no number, and with `auto` also a "
        "loss that after the warm-up stays above 1.5 x its lowest + 1.5 for a tenth of the run (10 to 500 steps). In a "
        "grid such a run has lost; alone it fails. There is no bound to set: it is relative to the run itself.",
        examples=["nan"],
    )
    sweep: Sweep | None = None

    @property
    def packed(self) -> bool:
        """Whether a row holds more than one document, so that all rows are of one length."""
        return not isinstance(self.packing, NoPacking)
