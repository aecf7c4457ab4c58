"""What our trainers share whose loss has a reference model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch

from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.train import DpoLoss, KtoLoss, TrainJob
from smolc.runtime.train.answers import ld_alpha_of
from smolc.runtime.train.common import Parts
from smolc.runtime.train.reference import kept
from smolc.runtime.train.unpadded import heads_without_padding

NEAR = {"fp32": (1e-3, 0.05)}
"""Half precision is off by about 0.01 a token, either way."""


class Referred:
    """Mixin in front of a TRL trainer.

    near: where the first step's model is the reference, how near its log-probabilities are to those that were kept,
    relative and absolute; they are then compared.
    """

    near: tuple[float, float] | None = None

    def kept_of(self, inputs: dict[str, Any]) -> list[torch.Tensor]:
        """What was kept of the reference for a batch: for each call of the model in the loss, in their order."""
        raise NotImplementedError

    def _compute_loss(self, model: Any, inputs: dict[str, Any], *args: Any) -> Any:
        if self.near is not None and self.model.training:  # type: ignore[attr-defined]
            if self.state.global_step == 0:  # type: ignore[attr-defined]
                model = Compared(self, model, self.kept_of(inputs), *self.near)
            self.near = None
        return super()._compute_loss(model, inputs, *args)  # type: ignore[misc]

    def takes_kept(self, job: TrainJob) -> None:
        """After construction: told before it, TRL would hash all weights, and compute what is there."""
        assert isinstance(job.loss, (DpoLoss, KtoLoss))
        self.precompute_ref_logps = True
        # With ld_alpha the sums that are kept are not those of all tokens.
        whole = ld_alpha_of(job.loss) is None
        if job.loss.reference == job.init and whole and not drops(self.model):  # type: ignore[attr-defined]
            self.near = NEAR.get(job.precision, (0.02, 1.0))


class Compared:
    """A model in front of its first calls. Raises JobError, on every process alike, if its log-probabilities are not those
    that were kept of the reference, which it is."""

    def __init__(
        self, trainer: Any, model: Any, kept: list[torch.Tensor], relative: float, absolute: float
    ) -> None:
        self.trainer = trainer
        self.model = model
        self.kept = iter(kept)
        self.relative = relative
        self.absolute = absolute

    def __call__(self, **given: Any) -> Any:
        out = self.model(**given)
        found = out.log_probs.detach().float().sum(1)
        kept = next(self.kept).to(found.device)
        excess = (found - kept).abs() - (self.relative * kept.abs() + self.absolute)
        worst = excess.argmax()
        # By how much it is beyond what rounding explains, and the two numbers.
        told = torch.stack([excess[worst], found[worst], kept[worst]])
        told = self.trainer.accelerator.gather(told).reshape(-1, 3)
        beyond, now, before = told[told[:, 0].argmax()].tolist()
        if not beyond <= 0:
            raise JobError(
                f"the start model gives an answer a log-probability of {now:.4f}, where {before:.4f} was kept of the "
                "reference, and the two are the same model",
                help="files of the start model or of the rows were changed by hand: remove out/.reference and run again",
            )
        return out


def drops(model: Any) -> bool:
    """Whether its layers drop something while it trains, apart from adapters, which add nothing at first."""
    return bool(getattr(model.config.get_text_config(), "attention_dropout", 0)) or any(
        isinstance(part, torch.nn.Dropout) and part.p > 0 and "lora_" not in name
        for name, part in model.named_modules()
    )


def build(kind: Any, trainers: Any, job: TrainJob, args: Any, parts: Parts) -> Any:
    """A trainer of the class `kind`. trainers: TRL's module of its base."""
    given = kept(job, parts.train)
    with (
        no_reference(trainers) if given else nullcontext(),
        heads_without_padding(trainers) if parts.flat else nullcontext(),
    ):
        made = kind(**parts.given(), args=args, ref_model=parts.reference)
    made.order = parts.order
    if given:
        made.takes_kept(job)
    return made


@contextmanager
def no_reference(trainers: Any) -> Iterator[None]:
    """While a trainer of the module is constructed: given no reference, TRL loads one for full training. One of None it
    takes as well."""
    load = trainers.create_model_from_path
    trainers.create_model_from_path = lambda *_, **__: None
    try:
        yield
    finally:
        trainers.create_model_from_path = load
