"""Body of a `train` job: one run, with every value decided."""

from __future__ import annotations

from typing import Any

from smolc.compiler.diagnostics import Diagnostic, Severity
from smolc.compiler.model.methods import (
    Adamw,
    Cpo,
    Dpo,
    Kto,
    Lora,
    Orpo,
    Sft,
    Simpo,
)
from smolc.compiler.model.schedules import Cosine, Linear, Wsd
from smolc.compiler.model.stage import EVALUATE_EVERY, SAVE_EVERY, Stage
from smolc.compiler.model.start import Model
from smolc.compiler.model.types import Quantity
from smolc.compiler.plan import batch, defaults, spread
from smolc.compiler.plan.types import Cluster


def train_body(
    stage: Stage,
    model: Model,
    cluster: Cluster,
    *,
    init: str,
    data: str,
    reference: str | None,
    holdout: bool,
    found: list[Diagnostic],
) -> dict[str, Any] | None:
    """None if it cannot be spread or its batch divided, which is reported. init, data, reference: ids of jobs."""
    wrong = list(spread.check_spread(stage, model, cluster))
    if wrong:
        found.extend(wrong)
        return None
    divided = _batch(stage, cluster, found)
    if divided is None:
        return None
    return {
        "method": stage.method.word,
        "init": init,
        "data": data,
        "loss": _loss(stage, reference),
        "adapter": _adapter(stage),
        "length": stage.packing.bound,
        "packing": stage.packing.word,
        "batch": {
            "global_sequences": divided.global_sequences,
            "micro": divided.micro,
            "accumulation": divided.accumulation,
            "data_parallel": divided.data_parallel,
        },
        "duration": _duration(stage.length),
        "optimizer": _optimizer(stage),
        "schedule": _schedule(stage),
        "precision": stage.precision,
        "parallel": defaults.parallel(stage, model, cluster),
        "attention": model.attention,
        "kernels": stage.kernels,
        "probe": _probe(stage, cluster),
        "checkpointing": float(defaults.checkpointing(stage, model, cluster)),
        "log_every": stage.log_every,
        "evaluate_every": _every(stage.evaluate_every or EVALUATE_EVERY) if holdout else None,
        "save_every": _every(stage.save_every or SAVE_EVERY),
        "keep": max(1, stage.keep),  # lint says that 0 is read as 1
        "diverged": stage.diverged,
        "trust_remote_code": model.trust_remote_code,
    }


def _probe(stage: Stage, cluster: Cluster) -> dict[str, bool]:
    """What the recipe leaves open is measured where there may be a GPU."""
    there = cluster.device != "cpu"
    return {
        "micro": there and stage.micro_batch == "auto",
        "checkpointing": there and stage.checkpointing == "auto",
    }


def _batch(stage: Stage, cluster: Cluster, found: list[Diagnostic]) -> batch.Split | None:
    micro = None if stage.micro_batch == "auto" else stage.micro_batch
    try:
        asked, length = defaults.batch(stage), stage.packing.bound
        count = batch.sequences(asked, length, stage.packed)
        most = defaults.largest_micro_batch(stage, cluster)
        groups, tokens = cluster.world_size // spread.sharers(stage), length if asked.unit == "tok" else None
        return batch.split(count, groups, micro, most, tokens)
    except batch.Indivisible as error:
        span = stage.span_of(error.key)
        found.append(
            Diagnostic("C031", "indivisible-batch", Severity.ERROR, error.message, span, help=error.help)
        )
        return None


def _loss(stage: Stage, reference: str | None) -> dict[str, Any]:
    method = stage.method
    if isinstance(method, Dpo):
        return {
            "type": "dpo",
            "loss": list(method.loss),
            "weights": list(method.weights) if method.weights else None,
            "beta": method.beta,
            "label_smoothing": method.label_smoothing,
            "ld_alpha": method.ld_alpha,
            "divergence": method.divergence.word,
            "divergence_alpha": getattr(method.divergence, "alpha", None),
            "wpo": method.wpo,
            "discopop_tau": method.discopop_tau,
            "reference": reference,
        }
    if isinstance(method, Orpo):
        return {"type": "orpo", "beta": method.beta}
    if isinstance(method, Cpo):
        return {
            "type": "cpo",
            "loss": method.loss,
            "beta": method.beta,
            "alpha": method.alpha,
            "label_smoothing": method.label_smoothing,
        }
    if isinstance(method, Simpo):
        return {"type": "simpo", "beta": method.beta, "gamma": method.gamma}
    if isinstance(method, Kto):
        return {
            "type": "kto",
            "loss": method.loss,
            "beta": method.beta,
            "desirable_weight": method.desirable_weight,
            "undesirable_weight": method.undesirable_weight,
            "reference": reference,
        }
    dft, neftune = (method.loss == "dft", method.neftune) if isinstance(method, Sft) else (False, None)
    return {"type": "cross_entropy", "dft": dft, "neftune": neftune}


def _adapter(stage: Stage) -> dict[str, Any]:
    adapter = stage.adapter
    if not isinstance(adapter, Lora):
        return {"type": "full"}
    return {
        "type": adapter.word,
        "rank": adapter.rank,
        "alpha": adapter.alpha,
        "dropout": adapter.dropout,
        "targets": list(adapter.targets) if adapter.targets else "all_linear",
        "scaling": adapter.scaling,
        "dora": adapter.dora,
    }


def _duration(length: Quantity) -> dict[str, Any]:
    return {
        "epochs": float(length.value) if length.unit == "epoch" else None,
        "steps": int(length.value) if length.unit == "step" else None,
        "tokens": int(length.value) if length.unit == "tok" else None,
    }


def _optimizer(stage: Stage) -> dict[str, Any]:
    optim = stage.optim
    adam = {"betas": [optim.beta1, optim.beta2], "eps": optim.eps} if isinstance(optim, Adamw) else {}
    return {
        "type": optim.word,
        "lr": defaults.learning_rate(stage),
        **adam,
        "weight_decay": optim.weight_decay,
        "clip": optim.clip,
    }


def _schedule(stage: Stage) -> dict[str, Any]:
    schedule = stage.schedule
    floor = (
        schedule.floor
        if isinstance(schedule, (Cosine, Wsd))
        else 0.0
        if isinstance(schedule, Linear)
        else 1.0
    )
    return {
        "type": schedule.word,
        "warmup": float(schedule.warmup.value),
        "floor": floor,
        "decay": schedule.decay if isinstance(schedule, Wsd) else None,
    }


def _every(interval: Quantity) -> dict[str, Any]:
    if interval.unit == "step":
        return {"steps": int(interval.value), "fraction": None}
    # Beyond the end is at the end, as lint says.
    return {"steps": None, "fraction": min(interval.value, 1.0)}
