"""Direct preference optimisation and its relatives, on pairs that the prepare job tokenised."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from trl.trainer import dpo_trainer
from trl.trainer.dpo_config import DPOConfig
from trl.trainer.dpo_trainer import DPOTrainer

from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.train import DpoLoss, TrainJob
from smolc.runtime.train.common import Common, Parts
from smolc.runtime.train.model import keeps_dropout
from smolc.runtime.train.reference import COLUMNS, kept
from smolc.runtime.train.token_mean import TokenMean
from smolc.runtime.train.unpadded import heads_without_padding
from smolc.runtime.train.weighed import Weighed, paired

DIVERGENCES = {
    "reverse_kl": "reverse_kl",
    "forward_kl": "forward_kl",
    "js": "js_divergence",
    "alpha": "alpha_divergence",
}
"""TRL's names."""


def arguments(job: TrainJob, settings: dict[str, Any]) -> DPOConfig:
    """TRL shall compute no reference log-probabilities ahead: ours are there, see reference.py."""
    assert isinstance(job.loss, DpoLoss)
    return DPOConfig(
        **settings,
        loss_type=list(job.loss.loss),
        loss_weights=None if job.loss.weights is None else list(job.loss.weights),
        beta=job.loss.beta,
        label_smoothing=job.loss.label_smoothing,
        max_length=None,
        precompute_ref_log_probs=False,
        disable_dropout=not keeps_dropout(job),
        sync_ref_model=False,
        ld_alpha=job.loss.ld_alpha,
        f_divergence_type=DIVERGENCES[job.loss.divergence],
        # The paper's alpha, counted from the other end.
        f_alpha_divergence_coef=1 - (job.loss.divergence_alpha or 0.0),
        use_weighting=job.loss.wpo,
        discopop_tau=job.loss.discopop_tau,
        activation_offloading=False,
        pad_to_multiple_of=None,
    )


@contextmanager
def no_reference() -> Iterator[None]:
    """While it is constructed, TRL loads a reference for full training if it is given none. One of None it takes as well."""
    load = dpo_trainer.create_model_from_path
    dpo_trainer.create_model_from_path = lambda *_, **__: None
    try:
        yield
    finally:
        dpo_trainer.create_model_from_path = load


class Trainer(Weighed, Common, TokenMean, DPOTrainer):  # type: ignore[misc]
    """near: where the first step's model is the reference, how near its log-probabilities are to those that were kept,
    relative and absolute; they are then compared."""

    loss_weights: list[Any]
    near: tuple[float, float] | None = None

    def sides(self, inputs: dict[str, Any]) -> tuple[torch.Tensor, torch.Tensor]:
        return paired(len(inputs["completion_mask"]) // 2)

    def trained(self, batch: dict[str, Any]) -> torch.Tensor | None:
        """`sft` is over the chosen answers, which come first."""
        if "sft" not in self.loss_types:
            return None
        mask = batch["completion_mask"]
        return mask[: len(mask) // 2, 1:].sum()

    def _compute_loss(self, model: Any, inputs: dict[str, Any], *args: Any) -> Any:
        """TRL multiplies each loss by its weight."""
        if self.near is not None and self.model.training:
            if self.state.global_step == 0:
                model = Compared(self, model, inputs, *self.near)
            self.near = None
        args = (model, inputs, *args)
        if self.share is None:
            return super()._compute_loss(*args)
        weights = self.loss_weights
        self.loss_weights = [
            w * self.share if name == "sft" else w for name, w in zip(self.loss_types, weights, strict=True)
        ]
        try:
            return super()._compute_loss(*args)
        finally:
            self.loss_weights = weights

    def _prepare_dataset(self, dataset: Any, *args: Any) -> Any:
        """Rows are tokenised already; TRL would do it again from text, and add an end-of-sequence token."""
        return dataset


class Compared:
    """A model in front of its first call. Raises JobError, on every process alike, if its log-probabilities are not those
    that were kept of the reference, which it is."""

    def __init__(
        self, trainer: Trainer, model: Any, inputs: dict[str, Any], relative: float, absolute: float
    ) -> None:
        self.trainer = trainer
        self.model = model
        self.kept = torch.cat([inputs[name] for name in COLUMNS])
        self.most = relative * self.kept.abs() + absolute

    def __call__(self, **given: Any) -> Any:
        out = self.model(**given)
        found = out.log_probs.detach().float().sum(1)
        excess = (found - self.kept).abs() - self.most
        worst = excess.argmax()
        # By how much it is beyond what rounding explains, and the two numbers.
        told = torch.stack([excess[worst], found[worst], self.kept[worst]])
        told = self.trainer.accelerator.gather(told).reshape(-1, 3)
        beyond, now, before = told[told[:, 0].argmax()].tolist()
        if not beyond <= 0:
            raise JobError(
                f"the start model gives an answer a log-probability of {now:.4f}, where {before:.4f} was kept of the "
                "reference, and the two are the same model",
                help="files of the start model or of the rows were changed by hand: remove out/.reference and run again",
            )
        return out


NEAR = {"fp32": (1e-3, 0.05)}
"""Half precision is off by about 0.01 a token, either way."""


def drops(model: Any) -> bool:
    """Whether its layers drop something while it trains, apart from adapters, which add nothing at first."""
    return bool(getattr(model.config.get_text_config(), "attention_dropout", 0)) or any(
        isinstance(part, torch.nn.Dropout) and part.p > 0 and "lora_" not in name
        for name, part in model.named_modules()
    )


def trainer(job: TrainJob, args: DPOConfig, parts: Parts) -> Trainer:
    assert isinstance(job.loss, DpoLoss)
    given = kept(parts.train)
    with (
        no_reference() if given else nullcontext(),
        heads_without_padding(dpo_trainer) if parts.flat else nullcontext(),
    ):
        made = Trainer(**parts.given(), args=args, ref_model=parts.reference)
    made.order = parts.order
    # The loss reads them from the batch. Told to the constructor, TRL would hash all weights, and compute them.
    made.precompute_ref_logps = given
    # With ld_alpha the sums that are kept are not those of all tokens.
    if given and job.loss.reference == job.init and job.loss.ld_alpha is None and not drops(made.model):
        made.near = NEAR.get(job.precision, (0.02, 1.0))
    return made
