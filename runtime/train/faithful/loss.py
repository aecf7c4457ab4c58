"""The loss, as the trainer holds it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from smolc.runtime.jobs.train import CpoLoss, DpoLoss, KtoLoss, PlainLoss, SimpoLoss
from smolc.runtime.train.answers import sides_of
from smolc.runtime.train.dpo import DIVERGENCES
from smolc.runtime.train.faithful.seen import Seen
from smolc.runtime.train.faithful.table import Row, compared, short
from smolc.runtime.train.reference import kept

KEPT = "log-probabilities kept, no model"
# TRL computes the same loss in one piece or in several.
PLAIN = {"nll": "cross entropy", "chunked_nll": "cross entropy"}


def rows(seen: Seen) -> Iterator[Row]:
    loss, trainer = seen.job.loss, seen.trainer
    if isinstance(loss, PlainLoss):
        built = PLAIN.get(trainer.args.loss_type, trainer.args.loss_type)
        asked = "cross entropy, dft" if loss.dft else "cross entropy"
        yield compared("loss", asked, f"{built}, dft" if trainer.dft else built)
        noise = None if trainer.noise is None else trainer.noise.alpha
        if (loss.neftune, noise) != (None, None):
            yield compared("neftune", loss.neftune, noise)
        return
    if isinstance(loss, DpoLoss):
        weights = loss.weights or (1.0,) * len(loss.loss)
        yield compared("loss", mixed(loss.loss, weights), mixed(trainer.loss_types, trainer.loss_weights))
        yield compared("label smoothing", short(loss.label_smoothing), short(trainer.label_smoothing))
        yield from options(loss, trainer)
    elif isinstance(loss, KtoLoss):
        yield compared("loss", loss.loss, trainer.loss_type)
        yield compared(
            "weights",
            mixed(("desirable", "undesirable"), (loss.desirable_weight, loss.undesirable_weight)),
            mixed(("desirable", "undesirable"), (trainer.desirable_weight, trainer.undesirable_weight)),
        )
    elif isinstance(loss, CpoLoss):
        yield compared("loss", f"cpo, {loss.loss}", f"cpo, {trainer.loss_type}")
        yield compared("weight of cross entropy", short(loss.alpha), short(trainer.cpo_alpha))
        yield compared("label smoothing", short(loss.label_smoothing), short(trainer.label_smoothing))
    elif isinstance(loss, SimpoLoss):
        yield compared("loss", "simpo", trainer.loss_type)
        yield compared("weight of cross entropy", short(0.0), short(trainer.cpo_alpha))
        yield compared("target margin", short(loss.gamma), short(trainer.simpo_gamma))
    else:
        yield compared(
            "loss", "orpo", "orpo" if "ORPOTrainer" in classes(trainer) else type(trainer).__name__
        )
    yield compared("beta", short(loss.beta), short(trainer.beta))
    if isinstance(loss, (DpoLoss, KtoLoss)):
        own = loss.reference != seen.job.init or seen.job.adapter.type == "full"
        asked = "a frozen model" if own else "without the adapter"
        if kept(seen.job, trainer.train_dataset):
            asked = KEPT
        yield compared("reference", asked, reference(loss, trainer, seen.batches))


def options(loss: DpoLoss, trainer: Any) -> Iterator[Row]:
    """Those of DPO that are asked for, or built."""
    if (loss.ld_alpha, trainer.ld_alpha) != (None, None):
        yield compared("weight beyond the shorter answer", loss.ld_alpha, trainer.ld_alpha)
    asked = DIVERGENCES[loss.divergence]
    if {asked, trainer.f_divergence_type} != {"reverse_kl"}:
        built = trainer.f_divergence_type
        if loss.divergence_alpha is not None:
            asked += f", alpha {short(loss.divergence_alpha)}"
            built += f", alpha {short(1 - trainer.f_alpha_divergence_coef)}"
        yield compared("divergence", asked, built)
    if loss.wpo or trainer.use_weighting:
        yield compared("pairs weighed (WPO)", loss.wpo, trainer.use_weighting)
    if "discopop" in loss.loss:
        yield compared("tau", short(loss.discopop_tau), short(trainer.args.discopop_tau))


def mixed(names: Any, weights: Any) -> str:
    return " + ".join(
        name if weight == 1 else f"{short(weight)} {name}"
        for name, weight in zip(names, weights, strict=True)
    )


def classes(thing: Any) -> set[str]:
    return {base.__name__ for base in type(thing).__mro__}


def reference(loss: DpoLoss | KtoLoss, trainer: Any, batches: list[Any]) -> str:
    model = trainer.ref_model
    if model is not None:
        return "a trained model" if any(p.requires_grad for p in model.parameters()) else "a frozen model"
    sides = sides_of(loss)
    assert sides is not None
    if trainer.precompute_ref_logps and all(name in batch for batch in batches for name in sides.kept):
        return KEPT
    return "without the adapter" if hasattr(trainer.model, "peft_config") else "none"
