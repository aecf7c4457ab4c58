"""How a stage trains: its method, adapter, packing, optimiser and parallelism, each a typed constructor.

Defaults follow the Smol Training Playbook and, for adapters, "LoRA Without Regret"; where one depends on the method
it is None here and decided in `plan/defaults.py`.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Discriminator, Field, Tag

from smolc.compiler.model.base import Variant
from smolc.compiler.model.divergence import Divergence, ReverseKl
from smolc.compiler.model.texts import LossOn
from smolc.compiler.model.types import (
    Count,
    Doc,
    Flag,
    Fraction,
    Kind,
    NonNegative,
    Positive,
    Quantile,
    Rate,
    Ratio,
    Str,
    Tokens,
    ToModel,
    ZeroStage,
    choice,
    listed,
)
from smolc.compiler.model.variants import OneOf
from smolc.compiler.syntax import tree

DPO_LOSSES = (
    "sigmoid", "hinge", "ipo", "exo_pair", "nca_pair", "robust", "bco_pair", "sppo_hard", "aot", "aot_unpaired",
    "apo_zero", "apo_down", "discopop", "sft", "sigmoid_norm",
)  # fmt: skip
"""TRL's loss types for DPO."""


class Cpt(Variant):
    """Continued pretraining: every token of the text is trained."""

    word: ClassVar[str] = "cpt"


class Sft(Variant):
    """Supervised fine-tuning on conversations."""

    word: ClassVar[str] = "sft"
    loss_on: LossOn = Field(
        default="assistant",
        description="Which tokens are trained: by a word, or the turns of some roles. Masking user turns: IFEval "
        "+4.5 in the playbook.",
        examples=["[user, assistant]"],
    )
    thinking: Flag = Field(
        default=True,
        description="Whether what stands between the template's `thinking` tags is trained.",
        examples=["false"],
    )
    loss: Annotated[Literal["nll", "dft"], choice("nll", "dft")] = Field(
        default="nll",
        description="`nll` is the cross entropy. `dft`, dynamic fine-tuning, lets a token count as much as the model "
        "finds it likely, so that what it cannot know pulls less; held-out losses stay plain.",
    )
    neftune: Positive | None = Field(
        default=None, description="NEFTune's noise, added to the embeddings.", examples=["5"]
    )


class Dpo(Variant):
    """Direct preference optimisation, with any of TRL's losses or a weighted mix of them."""

    word: ClassVar[str] = "dpo"
    loss: Annotated[
        tuple[Annotated[str, choice(*DPO_LOSSES)], ...],
        Kind(listed, Doc("one loss or a list of losses", "apo_zero")),
    ] = Field(default=("sigmoid",), description="TRL's name of the loss, or of those that are mixed.")
    weights: (
        Annotated[tuple[Positive, ...], Kind(listed, Doc("one weight for each loss", "[1.0, 0.2]"))] | None
    ) = Field(default=None, description="Weights, one for each loss; all 1 unless given.")
    beta: Positive = Field(
        default=0.1, description="Higher stays closer to the reference; scan 0.01 to 0.5.", examples=["0.05"]
    )
    label_smoothing: Fraction = Field(
        default=0.0, description="Part of the labels that is taken to be wrong.", examples=["1%"]
    )
    ld_alpha: Ratio | None = Field(
        default=None,
        description="LD-DPO: weight of an answer's tokens beyond the length of the pair's shorter answer; unless given "
        "they count whole, as with 1. Less takes longer answers for less.",
        examples=["0.5"],
    )
    divergence: Divergence = Field(
        default=ReverseKl.unwritten(),
        description="From which divergence between model and reference the reward is derived (f-DPO); for losses of the "
        "difference between rewards.",
    )
    wpo: Flag = Field(
        default=False,
        description="WPO: a pair counts as much as the model would itself write its answers (per-token likelihoods, "
        "lengths taken out), which brings data of other models nearer to its own.",
    )
    discopop_tau: Positive = Field(
        default=0.05,
        description="DiscoPOP's temperature between logistic and exponential loss, the paper's 0.05; `discopop` alone "
        "reads it.",
        examples=["0.1"],
    )
    reference: ToModel | None = Field(
        default=None, description="The reference model; what `init` names unless given."
    )


class Orpo(Variant):
    """Odds-ratio preference optimisation: no reference model, works from a base model too."""

    word: ClassVar[str] = "orpo"
    beta: Positive = Field(
        default=0.1, description="Weight of the odds-ratio term (lambda in the paper).", examples=["0.3"]
    )


class Cpo(Variant):
    """Contrastive preference optimisation: DPO's losses without a reference, and cross entropy on the chosen answer."""

    word: ClassVar[str] = "cpo"
    loss: Annotated[Literal["sigmoid", "hinge", "ipo"], choice("sigmoid", "hinge", "ipo")] = Field(
        default="sigmoid",
        description="`sigmoid` and `hinge` compare the answers' log-probabilities; `ipo` those of the mean token.",
    )
    beta: Positive = Field(
        default=0.1,
        description="Factor of the difference between log-probabilities; `ipo` aims at a difference of 1 / (2 beta).",
        examples=["0.3"],
    )
    alpha: NonNegative = Field(
        default=1.0,
        description="Weight of the cross entropy (NLL) of the chosen answers, a mean over their tokens.",
        examples=["0.5"],
    )
    label_smoothing: Fraction = Field(
        default=0.0,
        description="Part of the labels that is taken to be wrong; `sigmoid` alone reads it.",
        examples=["1%"],
    )


class Simpo(Variant):
    """SimPO: an answer's reward is the mean log-probability of its tokens; no reference model, a margin to reach."""

    word: ClassVar[str] = "simpo"
    beta: Positive = Field(
        default=2.0,
        description="Factor of the reward: far larger than DPO's, since a mean over tokens is small. The paper: 2 to 2.5.",
        examples=["2.5"],
    )
    gamma: NonNegative = Field(
        default=1.0,
        description="The paper's gamma: the margin between rewards that is aimed at, after beta. It is not the ratio "
        "gamma / beta, which the authors advise to choose: 0.5 to begin with, hence 1 for a beta of 2.",
        examples=["1.25"],
    )


class Kto(Variant):
    """Kahneman-Tversky optimisation on unpaired answers."""

    word: ClassVar[str] = "kto"
    loss: Annotated[Literal["kto", "apo_zero_unpaired"], choice("kto", "apo_zero_unpaired")] = Field(
        default="kto",
        description="`kto` measures rewards from an estimate of the KL, made of the micro batch; `apo_zero_unpaired`, "
        "APO-zero of single answers, from zero, so that any micro batch does.",
    )
    beta: Positive = Field(default=0.1, description="Higher stays closer to the reference.", examples=["0.2"])
    desirable_weight: Positive = Field(
        default=1.0, description="Weight of good answers' loss.", examples=["1.5"]
    )
    undesirable_weight: Positive = Field(
        default=1.0, description="Weight of bad answers' loss.", examples=["1.5"]
    )
    reference: ToModel | None = Field(
        default=None, description="The reference model; what `init` names unless given."
    )


class Full(Variant):
    """All weights are trained."""

    word: ClassVar[str] = "full"


class Lora(Variant):
    """Low-rank adapters on all linear layers, as "LoRA Without Regret" advises."""

    word: ClassVar[str] = "lora"
    rank: Count = Field(default=256, description="Rank of the adapters.", examples=["64"])
    alpha: Positive = Field(default=32.0, description="Scale of the adapters.", examples=["16"])
    dropout: Fraction = Field(default=0.0, description="On the adapters' input.", examples=["5%"])
    targets: (
        Annotated[tuple[Str, ...], Kind(listed, Doc("names of linear layers", '["q_proj", "v_proj"]'))] | None
    ) = Field(default=None, description="Layers that get an adapter; all linear ones unless given.")
    scaling: Annotated[Literal["rank", "rsqrt"], choice("rank", "rsqrt")] = Field(
        default="rank", description="`alpha / rank`, or rank-stabilised `alpha / sqrt(rank)`."
    )
    dora: Flag = Field(default=False, description="Weight-decomposed adapters (DoRA).")


class Qlora(Lora):
    """LoRA over a base in 4 bit (bitsandbytes, NF4)."""

    word: ClassVar[str] = "qlora"


LONGEST = 32768
"""The bound of a fitted length, unless given."""


class Fit(Variant):
    """The length that so many of the rows fit into, chosen when the data is prepared: a multiple of 64."""

    word: ClassVar[str] = "fit"
    positional: ClassVar[tuple[str, ...]] = ("quantile",)
    quantile: Quantile = Field(description="Part of the rows that are no longer.", examples=["99%"])
    at_most: Tokens | None = Field(
        default=None,
        description="Never longer; unless given 32Ki, or the context of a model made from scratch.",
        examples=["16Ki"],
    )


RowLength = Annotated[
    Annotated[Tokens, Tag("number")] | Annotated[Fit, OneOf(Fit), Tag("constructor")],
    Discriminator(
        lambda value: "constructor" if isinstance(value, (tree.Call, tree.Ref, Variant)) else "number"
    ),
]
"""A number of tokens, or a way to find one."""


class _Packing(Variant):
    length: RowLength = Field(
        default=4096,
        description="Length of a row in tokens; `fit` chooses it from the data, for whole conversations.",
        examples=["8Ki"],
    )

    @property
    def bound(self) -> int:
        """Tokens of a row, or, where its length is fitted to the data, what it cannot exceed: to plan with."""
        return self.length.at_most or LONGEST if isinstance(self.length, Fit) else self.length


class NoPacking(_Packing):
    """One conversation a row, padded to the longest of its batch."""

    word: ClassVar[str] = "none"


class BestFit(_Packing):
    """Whole conversations packed into rows of `length` tokens by best-fit decreasing; they do not see each other."""

    word: ClassVar[str] = "best_fit"


class Wrapped(_Packing):
    """Everything concatenated and cut every `length` tokens; for continued pretraining."""

    word: ClassVar[str] = "wrapped"


class _Optimizer(Variant):
    lr: Rate | None = Field(
        default=None,
        description="Peak learning rate. Unless given: 1e-5 for cpt and sft, 1e-6 for preferences; ten times that for LoRA.",
    )
    weight_decay: NonNegative = Field(default=0.0, description="Decoupled weight decay.", examples=["0.01"])
    clip: Positive = Field(default=1.0, description="Gradients are clipped to this norm.", examples=["0.2"])


class Adamw(_Optimizer):
    """AdamW."""

    word: ClassVar[str] = "adamw"
    beta1: Ratio = Field(default=0.9, description="Decay of the gradient's mean.", examples=["0.95"])
    beta2: Ratio = Field(default=0.999, description="Decay of its square's mean.", examples=["0.98"])
    eps: Positive = Field(default=1e-8, description="Added to the denominator.", examples=["1e-6"])


class Adamw8bit(Adamw):
    """AdamW with 8-bit states (bitsandbytes)."""

    word: ClassVar[str] = "adamw_8bit"


class Sgd(_Optimizer):
    """Stochastic gradient descent."""

    word: ClassVar[str] = "sgd"


class Adafactor(_Optimizer):
    """Adafactor, with its own learning rate schedule switched off."""

    word: ClassVar[str] = "adafactor"


class AutoParallel(Variant):
    """The faster one: DDP while weights, gradients and optimiser take less than 30% of a device (60% with an adapter or
    8-bit AdamW), FSDP2 beyond and where the model's name tells no size; for fp16 `zero(stage = 3)` instead. QLoRA and
    Adafactor, which FSDP2 cannot shard, always take DDP."""

    word: ClassVar[str] = "auto"


class Ddp(Variant):
    """Data parallel: every device holds the whole model."""

    word: ClassVar[str] = "ddp"


class Fsdp2(Variant):
    """Fully sharded data parallel (version 2)."""

    word: ClassVar[str] = "fsdp2"
    reshard: Flag = Field(
        default=True, description="Free gathered weights after the forward pass (ZeRO-3 like)."
    )
    context: Count = Field(
        default=1,
        description="Context parallel: so many devices share each row, for rows that are too long for one (ring "
        "attention). The batch is divided among what is left.",
        examples=["2"],
    )
    replicate: Count = Field(
        default=1,
        description="Hybrid sharding: so many copies of the weights, each sharded over a part of the devices; with as "
        "many as there are nodes, weights are gathered inside a node only.",
        examples=["2"],
    )
    offload: Annotated[Literal["none", "all"], choice("none", "all")] = Field(
        default="none",
        description="`all` keeps weights, gradients and optimiser in the host's memory, where the optimiser runs.",
    )


class Zero(Variant):
    """DeepSpeed ZeRO: `stage` 1 shards optimiser states, 2 gradients too, 3 weights too."""

    word: ClassVar[str] = "zero"
    positional: ClassVar[tuple[str, ...]] = ("stage",)
    stage: ZeroStage = Field(description="1: optimiser states; 2: gradients, too; 3: weights, too.")
    offload: Annotated[Literal["none", "optimizer", "all"], choice("none", "optimizer", "all")] = Field(
        default="none", description="What is kept in the host's memory."
    )
    sequence: Count = Field(
        default=1,
        description="Sequence parallel (Ulysses): so many devices share each row, and in attention each takes a part "
        "of the heads. The batch is divided among what is left.",
        examples=["2"],
    )


Method = Annotated[Cpt | Sft | Dpo | Orpo | Cpo | Simpo | Kto, OneOf(Cpt, Sft, Dpo, Orpo, Cpo, Simpo, Kto)]
Adapter = Annotated[Full | Lora | Qlora, OneOf(Full, Lora, Qlora)]
Packing = Annotated[NoPacking | BestFit | Wrapped, OneOf(NoPacking, BestFit, Wrapped, default=NoPacking)]
Optimizer = Annotated[
    Adamw | Adamw8bit | Sgd | Adafactor, OneOf(Adamw, Adamw8bit, Sgd, Adafactor, default=Adamw)
]
Parallel = Annotated[AutoParallel | Ddp | Fsdp2 | Zero, OneOf(AutoParallel, Ddp, Fsdp2, Zero)]
