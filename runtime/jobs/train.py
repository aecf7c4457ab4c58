"""`kind: train`: one training run.

Outputs in `out/<id>/`: `model/` (weights, tokenizer, template; adapters merged), `adapter/` for LoRA, `metrics.jsonl` (one
object per logged step), `result.json` (`model`, `train_loss`, `eval_loss`, `steps`, `tokens`, `seconds`,
`tokens_per_second`, ...), `checkpoints/`.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeVar

from pydantic import Field, model_validator

from smolc.runtime.jobs.base import Count, Fraction, Job, NonNegative, Positive, Strict
from smolc.runtime.jobs.prepare import Method

Block = TypeVar("Block", bound=Strict)


def only_one(block: Block) -> Block:
    """Raises ValueError unless exactly one key is set."""
    named = {key: getattr(block, key) for key in type(block).model_fields}
    said = [key for key, value in named.items() if value is not None]
    if len(said) != 1:
        raise ValueError(
            f"{' and '.join(said) or 'none'} set, but exactly one of {', '.join(named)} is: the others are null"
        )
    return block


class Full(Strict):
    type: Literal["full"]


class Lora(Strict):
    """Low-rank adapters. `scaling`: `rank` is alpha/r (PEFT's default), `rsqrt` is rank-stabilised (alpha/sqrt(r))."""

    type: Literal["lora", "qlora"]
    rank: Count
    alpha: Positive
    dropout: Fraction
    targets: Literal["all_linear"] | tuple[str, ...]
    scaling: Literal["rank", "rsqrt"]
    dora: bool


class PlainLoss(Strict):
    """cpt and sft: cross entropy over the trained tokens. dft: each counts as much as it is likely (dynamic fine-tuning)."""

    type: Literal["cross_entropy"]
    dft: bool = False
    neftune: Positive | None


class DpoLoss(Strict):
    """`loss` are TRL's names; `weights` stand beside them when several are mixed.

    ld_alpha: weight of tokens beyond the shorter answer's length. divergence_alpha: the paper's, for `alpha` alone.
    """

    type: Literal["dpo"]
    loss: tuple[str, ...]
    weights: tuple[Positive, ...] | None
    beta: Positive
    label_smoothing: Fraction
    ld_alpha: Fraction | None = None
    divergence: Literal["reverse_kl", "forward_kl", "js", "alpha"] = "reverse_kl"
    divergence_alpha: float | None = None
    wpo: bool = False
    discopop_tau: Positive = 0.05
    reference: str


class OrpoLoss(Strict):
    type: Literal["orpo"]
    beta: Positive


class CpoLoss(Strict):
    """alpha: weight of the chosen answers' cross entropy."""

    type: Literal["cpo"]
    loss: Literal["sigmoid", "hinge", "ipo"]
    beta: Positive
    alpha: NonNegative
    label_smoothing: Fraction


class SimpoLoss(Strict):
    """gamma: the target margin between rewards, as in the paper; not its ratio to beta."""

    type: Literal["simpo"]
    beta: Positive
    gamma: NonNegative


class KtoLoss(Strict):
    type: Literal["kto"]
    loss: Literal["kto", "apo_zero_unpaired"] = "kto"
    beta: Positive
    desirable_weight: Positive
    undesirable_weight: Positive
    reference: str


class Batch(Strict):
    """global_sequences = micro x accumulation x data_parallel, whatever the cluster. For preference methods a
    sequence is a pair. data_parallel: devices, or groups of devices that share their rows."""

    global_sequences: Count
    micro: Count
    accumulation: Count
    data_parallel: Count


class Probe(Strict):
    """What a short measurement on the GPU may choose otherwise than planned. The global batch stays."""

    micro: bool
    checkpointing: bool


class Duration(Strict):
    """Exactly one is set. Tokens are counted as non-padding tokens of the prepared rows."""

    epochs: Positive | None
    steps: Count | None
    tokens: Count | None

    @model_validator(mode="after")
    def _one(self) -> Duration:
        return only_one(self)


class Optimizer(Strict):
    """betas, eps: of adamw and adamw_8bit, which alone read them."""

    type: Literal["adamw", "adamw_8bit", "sgd", "adafactor"]
    lr: Annotated[float, Field(gt=0, le=1)]
    betas: tuple[Fraction, Fraction] = (0.9, 0.999)
    eps: Positive = 1e-8
    weight_decay: NonNegative
    clip: Positive

    @model_validator(mode="after")
    def _of_adam(self) -> Optimizer:
        for key in ("betas", "eps"):
            if self.type not in ("adamw", "adamw_8bit") and key in self.model_fields_set:
                raise ValueError(f"{self.type} reads no {key}: leave it out")
            if self.type in ("adamw", "adamw_8bit") and key not in self.model_fields_set:
                raise ValueError(f"{self.type} needs {key}")
        return self


class Schedule(Strict):
    """Warm-up then decay to `floor` x the peak LR. warmup: < 1 is a fraction of all steps, else a number of steps. decay:
    of wsd alone."""

    type: Literal["cosine", "linear", "constant", "wsd"]
    warmup: NonNegative
    floor: Fraction
    decay: NonNegative | None

    @model_validator(mode="after")
    def _read(self) -> Schedule:
        if self.type != "wsd" and self.decay is not None:
            raise ValueError(f"{self.type} reads no decay: write null")
        if self.type == "constant" and self.floor != 1:
            raise ValueError("constant reads no floor: write 1.0")
        return self


class Ddp(Strict):
    type: Literal["ddp"]


class Fsdp2(Strict):
    """context: devices that share a row (context parallel). replicate: copies of the sharded weights (hybrid
    sharding). offload `all`: weights, gradients and optimiser live in the host's memory."""

    type: Literal["fsdp2"]
    reshard: bool
    context: Count = 1
    replicate: Count = 1
    offload: Literal["none", "all"] = "none"


class Zero(Strict):
    """sequence: devices that share a row (Ulysses sequence parallel)."""

    type: Literal["zero"]
    stage: Literal[1, 2, 3]
    offload: Literal["none", "optimizer", "all"]
    sequence: Count = 1


class Every(Strict):
    """Exactly one is set; None for the whole means never (evaluation) or only at the end (saving)."""

    steps: Count | None
    fraction: Annotated[float, Field(gt=0, le=1)] | None

    @model_validator(mode="after")
    def _one(self) -> Every:
        return only_one(self)


class Part(Strict):
    """What of a run a job of a halved grid trains. before: the job that it goes on from, where that left off. verdict: the
    cull job that says whether. until: the part of all steps at which it ends; None for the last."""

    before: str | None
    verdict: str | None
    until: float | None


class TrainJob(Job):
    """init, data: ids of the jobs that made the start model and the data.

    precision: `bf16` keeps fp32 master weights and computes in bf16; `bf16_pure` keeps bf16 weights; `fp32` all in fp32.
    checkpointing: share of the layers, 0 to 1, whose activations are computed again in the backward pass.
    diverged: what ends a run early: `auto`, a loss or a gradient that is no number, or a loss that stays far above its
    lowest; `nan`, the former alone.
    """

    kind: Literal["train"]
    method: Method
    init: str
    data: str
    loss: Annotated[
        PlainLoss | DpoLoss | OrpoLoss | CpoLoss | SimpoLoss | KtoLoss, Field(discriminator="type")
    ]
    adapter: Annotated[Full | Lora, Field(discriminator="type")]
    length: Count
    packing: Literal["none", "best_fit", "wrapped"]
    batch: Batch
    duration: Duration
    optimizer: Optimizer
    schedule: Schedule
    precision: Literal["bf16", "bf16_pure", "fp16", "fp32"]
    parallel: Annotated[Ddp | Fsdp2 | Zero, Field(discriminator="type")]
    attention: Literal[
        "auto", "sdpa", "eager", "flash_attention_2", "flash_attention_3", "flash_attention_4", "varlen"
    ]
    kernels: Literal["auto", "liger", "compiled", "none"]
    checkpointing: Fraction
    probe: Probe = Probe(micro=False, checkpointing=False)
    log_every: Count
    evaluate_every: Every | None
    save_every: Every | None
    keep: Count
    trust_remote_code: bool
    diverged: Literal["auto", "nan"] = "auto"
    part: Part | None = None

    @property
    def ends_run(self) -> bool:
        """Whether a training run ends with it: not so the part up to a rung of a halved grid."""
        return self.part is None or self.part.until is None

    @property
    def sharers(self) -> int:
        """Devices that work on the same rows, each on a part of them."""
        kind = self.parallel
        return kind.context if isinstance(kind, Fsdp2) else kind.sequence if isinstance(kind, Zero) else 1

    @property
    def processes(self) -> int:
        """One for each device, on all nodes."""
        return self.batch.data_parallel * self.sharers
