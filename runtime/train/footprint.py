"""About how much memory a training run needs on a device: weights, gradients, optimiser, activations.

An estimate for telling changes apart, not a promise: out_of_memory.py scales it to what was seen, and probe.py leaves a
margin. With 3B parameters, one row of 4096 and fp32 masters it says 69 GiB where an H100 took 67.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from smolc.runtime.jobs.context import Context
from smolc.runtime.jobs.prepare import PAIRED
from smolc.runtime.jobs.train import Fsdp2, Full, TrainJob, Zero

MOMENTS = {"adamw": 8.0, "adamw_8bit": 2.0, "sgd": 0.0, "adafactor": 0.0}
"""Bytes of optimiser state for a trained parameter; adafactor's rows and columns are hardly any."""

PER_LORA = 16.0
"""Bytes for a parameter of an adapter: weight, gradient and two moments in fp32."""


@dataclass(frozen=True)
class Shape:
    """Of a model. in_and_out: the sum of inputs and outputs of its linear layers, without the head: an adapter of rank r
    has r times as many parameters."""

    parameters: int
    layers: int
    hidden: int
    intermediate: int
    in_and_out: int


@dataclass(frozen=True)
class Plan:
    """What the estimate depends on. devices: that share weights where those are spread. checkpointing: share of layers."""

    micro: int
    length: int
    checkpointing: float
    kind: str
    stage: int
    devices: int
    offload: str
    rank: int | None

    def changed(self, **said: Any) -> Plan:
        return replace(self, **said)


def plan_of(job: TrainJob) -> Plan:
    kind = job.parallel
    copies = kind.replicate if isinstance(kind, Fsdp2) else 1
    return Plan(
        micro=job.batch.micro,
        length=job.length,
        checkpointing=float(job.checkpointing),
        kind=kind.type,
        stage=kind.stage if isinstance(kind, Zero) else 0,
        devices=max(1, job.processes // max(1, copies)),
        offload=getattr(kind, "offload", "none"),
        rank=None if isinstance(job.adapter, Full) else job.adapter.rank,
    )


def shape_at(context: Context, job: TrainJob) -> Shape | None:
    """Of the start model, from its configuration alone; None if that cannot be told."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        at = context.model_of(job.init)
        said = {"trust_remote_code": job.trust_remote_code}
        config = AutoConfig.from_pretrained(at.source, revision=at.revision or "main", **said)
        with torch.device("meta"):
            return shape_of(AutoModelForCausalLM.from_config(config, **said))
    except Exception:  # whatever is wrong with it, it is not what the user has to hear now
        return None


def shape_of(model: Any) -> Shape:
    """model: a causal language model, on the meta device too."""
    import torch

    config = model.config.get_text_config()
    head = model.get_output_embeddings()
    linear = [m for m in model.modules() if isinstance(m, torch.nn.Linear) and m is not head]
    hidden = int(getattr(config, "hidden_size", 0) or 0)
    return Shape(
        parameters=sum(p.numel() for p in model.parameters()),
        layers=int(getattr(config, "num_hidden_layers", 0) or 0),
        hidden=hidden,
        intermediate=int(getattr(config, "intermediate_size", None) or 4 * hidden),
        in_and_out=sum(m.in_features + m.out_features for m in linear),
    )


def weights(job: TrainJob, shape: Shape, plan: Plan) -> float:
    """Bytes of weights, gradients and optimiser on one device. A reference model is gone when training begins, see
    reference.py."""
    half = job.precision != "fp32"
    devices = plan.devices
    if plan.rank is not None:
        base = 0.5 if job.adapter.type == "qlora" else 2.0 if half and plan.kind != "fsdp2" else 4.0
        spread = devices if plan.kind == "fsdp2" or plan.stage == 3 else 1
        return shape.parameters * base / spread + PER_LORA * plan.rank * shape.in_and_out
    moments = MOMENTS[job.optimizer.type]
    if plan.kind == "zero":
        return shape.parameters * _zero(plan, moments)
    if job.precision == "bf16_pure":
        per = 2.0 + 2.0 + min(moments, 4.0)
    else:
        # fp32 masters and their gradients; with one process and DDP the weights to compute with lie beside them.
        per = 4.0 + 4.0 + moments + (2.0 if job.precision == "bf16" and plan.kind == "ddp" else 0.0)
    if plan.kind == "fsdp2":
        per = 0.0 if plan.offload == "all" else per / devices
    return shape.parameters * per


def _zero(plan: Plan, moments: float) -> float:
    """Bytes for a parameter: stage 1 spreads the optimiser, 2 also the gradients, 3 also the weights (Rajbhandari et al.
    2020)."""
    optimizer = 0.0 if plan.offload != "none" else (4.0 + moments) / plan.devices
    gradients = 2.0 / (plan.devices if plan.stage >= 2 else 1)
    held = 0.0 if plan.offload == "all" else 2.0 / (plan.devices if plan.stage == 3 else 1)
    return held + gradients + optimizer


def activations(job: TrainJob, shape: Shape, plan: Plan) -> float:
    """Bytes of activations of one micro batch, with FlashAttention or its like: no matrix of length x length is kept.

    A layer keeps about 20 x hidden + 8 x intermediate bytes a token in half precision (after Korthikanti et al. 2022, for
    gated feed-forward layers); one whose activations are computed again keeps its input. No loss keeps logits.
    """
    tokens = plan.micro * plan.length / max(1, job.sharers)
    tokens *= 2 if job.method in PAIRED else 1
    wide = 2.0 if job.precision == "fp32" else 1.0
    layer = (20.0 * shape.hidden + 8.0 * shape.intermediate) * wide
    kept = 2.0 * shape.hidden * wide
    computed_again = plan.checkpointing * shape.layers
    whole = max(shape.layers - computed_again, 1.0 if shape.layers else 0.0)
    return tokens * (whole * layer + computed_again * kept)
