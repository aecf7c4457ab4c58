"""Values that depend on the method, the model's size or the cluster. All of them stand in job.yaml.

Learning rates and batches are the Smol Training Playbook's baselines (SFT 1e-5 at 128 sequences; preferences about ten
times lower, at 32 pairs); "LoRA Without Regret" puts LoRA's about ten times above full fine-tuning's.
"""

from __future__ import annotations

from typing import Any

from smolc.compiler.model.methods import (
    Adafactor,
    Adamw8bit,
    AutoParallel,
    Cpo,
    Ddp,
    Dpo,
    Fsdp2,
    Full,
    Kto,
    Orpo,
    Qlora,
    Simpo,
)
from smolc.compiler.model.stage import Stage
from smolc.compiler.model.start import Model
from smolc.compiler.model.types import Quantity
from smolc.compiler.plan.size import parameters, training_bytes
from smolc.compiler.plan.types import Cluster

PAIRED = (Dpo, Orpo, Cpo, Simpo)
"""Methods that learn from pairs of answers."""

PAIRED_WORDS = frozenset(method.word for method in PAIRED)
PREFERENCES = (*PAIRED, Kto)

END_OF_TURN = {
    "chatml": "<|im_end|>",
    "smollm2": "<|im_end|>",
    "smollm3": "<|im_end|>",
    "qwen3": "<|im_end|>",
    "llama3": "<|eot_id|>",
    "gemma": "<end_of_turn>",
    "mistral": "</s>",
    "phi": "<|end|>",
    "zephyr": "</s>",
}
"""Of the templates that smolc ships."""

TOKENS_PER_MICRO_BATCH = {"cuda": 16384, "auto": 16384, "cpu": 4096}
CHECKPOINT_FROM = 1e9
"""Parameters from which activations are recomputed on a GPU."""


def learning_rate(stage: Stage) -> float:
    if stage.optim.lr is not None:
        return stage.optim.lr
    base = 1e-6 if isinstance(stage.method, PREFERENCES) else 1e-5
    return base if isinstance(stage.adapter, Full) else base * 10


def batch(stage: Stage) -> Quantity:
    if stage.batch is not None:
        return stage.batch
    return Quantity(32 if isinstance(stage.method, PREFERENCES) else 128, "seq")


def largest_micro_batch(stage: Stage, cluster: Cluster) -> int:
    """Sequences whose tokens are a sensible forward pass; a pair counts twice. KTO's answers are single, and those that its
    KL is estimated with leave no activations."""
    per_sequence = stage.packing.bound * (2 if isinstance(stage.method, PAIRED) else 1)
    return max(1, TOKENS_PER_MICRO_BATCH[cluster.device] // per_sequence)


def ddp_pays(stage: Stage, model: Model, cluster: Cluster) -> bool:
    """Whether `auto` leaves weights, gradients and optimiser whole on each device.

    Of full training, while they take less than 30% of it: at 35% (3B, fp32 masters, two and four H200) FSDP2 trained 9% and
    12% more tokens a second than DDP, since larger micro batches fit and each device steps a part of the optimiser. Below an
    adapter little is sent, and 8-bit AdamW cannot be sharded: there while they fit, with 40% left for activations. A base in
    4 bit is always DDP's, which FSDP2 does not shard, and so is Adafactor, which takes whole weights.
    """
    if isinstance(stage.adapter, Qlora) or isinstance(stage.optim, Adafactor):
        return True
    need = training_bytes(model, stage)
    shards_well = isinstance(stage.adapter, Full) and not isinstance(stage.optim, Adamw8bit)
    return need is not None and need <= (0.3 if shards_well else 0.6) * cluster.memory


def parallel(stage: Stage, model: Model, cluster: Cluster) -> dict[str, Any]:
    """`auto`: DDP where it pays, FSDP2 elsewhere, but for fp16, in which that would sum gradients (spread.py)."""
    chosen = stage.parallel
    if isinstance(chosen, AutoParallel):
        if cluster.world_size == 1 or cluster.device == "cpu" or ddp_pays(stage, model, cluster):
            return {"type": "ddp"}
        if stage.precision == "fp16":
            return _zero(3, "none", 1)
        return _fsdp2(Fsdp2.unwritten())
    if isinstance(chosen, Ddp):
        return {"type": "ddp"}
    if isinstance(chosen, Fsdp2):
        return _fsdp2(chosen)
    return _zero(chosen.stage, chosen.offload, chosen.sequence)


def _zero(stage: int, offload: str, sequence: int) -> dict[str, Any]:
    return {"type": "zero", "stage": stage, "offload": offload, "sequence": sequence}


def _fsdp2(chosen: Fsdp2) -> dict[str, Any]:
    return {
        "type": "fsdp2",
        "reshard": chosen.reshard,
        "context": chosen.context,
        "replicate": chosen.replicate,
        "offload": chosen.offload,
    }


def checkpointing(stage: Stage, model: Model, cluster: Cluster) -> bool:
    if stage.checkpointing != "auto":
        return stage.checkpointing == "true"
    count = parameters(model)
    return cluster.device != "cpu" and (count is None or count >= CHECKPOINT_FROM)
