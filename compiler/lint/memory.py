"""How much memory a training run needs at least, from what the recipe says alone.

Lower bounds, without activations and buffers: what does not fit by them does not fit.
"""

from __future__ import annotations

from smolc.compiler.lint.training import Training
from smolc.compiler.model.methods import Full, Qlora
from smolc.compiler.plan.defaults import PAIRED_WORDS
from smolc.compiler.plan.size import parameters
from smolc.compiler.plan.spread import sharers

GIB = 2**30

MOMENTS = {"adamw": 8.0, "adamw_8bit": 2.0, "sgd": 0.0, "adafactor": 0.0}
"""Bytes of optimiser state for each trained parameter in fp32; adafactor's rows and columns are hardly any."""

ACTIVATIONS = 1e-3
"""Bytes for each token and parameter where no activation is recomputed: a 3B model took 3.1 MB a token with Liger's
kernels and FlashAttention on one H100, and more without."""


ABSURD = 1e15
"""Parameters that no model has, whatever a name says."""


def needed(
    run: Training, shards: int | None = None, kind: str | None = None, offload: str | None = None
) -> float | None:
    """Bytes on one device for weights, gradients and optimiser; None if the model's size is not known.

    kind and shards ask for another way to spread it (`ddp`, `fsdp2`) over so many devices, offload for another
    way to offload it.
    """
    count = parameters(run.model)
    if count is None or count > ABSURD:
        return None
    parallel = run.body["parallel"]
    kind = kind or parallel["type"]
    world = shards or run.cluster.world_size
    if kind == "zero":
        return count * _zero(run, parallel["stage"], offload or parallel["offload"], world)
    per = _frozen(run, kind) if not isinstance(run.stage.adapter, Full) else sum(_trained(run))
    if kind == "fsdp2":
        if (offload or parallel.get("offload")) == "all":
            return 0.0
        return float(count * per / max(1, world // parallel.get("replicate", 1)))
    return count * per


def activations(run: Training) -> float | None:
    """Bytes of activations on one device where none is recomputed; None if the model's size is not known."""
    count = parameters(run.model)
    return None if count is None else ACTIVATIONS * count * tokens_at_once(run)


def tokens_at_once(run: Training) -> int:
    """Tokens that a device may have in one forward pass; a pair is read as two sequences, rows may be shared."""
    paired = 2 if run.body["method"] in PAIRED_WORDS else 1
    return int(run.body["batch"]["micro"]) * run.stage.packing.bound * paired // sharers(run.stage)


def _trained(run: Training) -> tuple[float, float, float]:
    """Weights, gradients and optimiser for each parameter in full training."""
    moments = MOMENTS[run.stage.optim.word]
    if run.stage.precision == "bf16_pure":
        return 2.0, 2.0, min(moments, 4.0)
    return 4.0, 4.0, moments


def _frozen(run: Training, kind: str) -> float:
    """A base below an adapter is held in half precision, except where FSDP shards by groups of one dtype."""
    if isinstance(run.stage.adapter, Qlora):
        return 0.5
    return 4.0 if run.stage.precision == "fp32" or kind == "fsdp2" else 2.0


def _zero(run: Training, stage: int, offload: str, world: int) -> float:
    """ZeRO keeps half-precision weights and gradients on the device beside fp32 ones, and shards more with each stage."""
    if not isinstance(run.stage.adapter, Full):
        frozen = _frozen(run, "zero")
        return 0.0 if offload == "all" else frozen / (world if stage == 3 else 1)
    half = run.stage.precision != "fp32"
    weights, gradients = (2.0, 2.0) if half else (4.0, 4.0)
    states = MOMENTS[run.stage.optim.word] + (4.0 if half else 0.0)
    if offload != "none":
        states = 0.0
        gradients = 0.0
    if offload == "all":
        weights = 0.0
    return weights / (world if stage == 3 else 1) + gradients / (world if stage >= 2 else 1) + states / world
