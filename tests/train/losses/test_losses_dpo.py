"""Each loss of DPO, and mixes of them, against its paper's formula in float64, on 100 random batches."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import built
import numpy as np
import pytest
import reference
import varlen_on_cpu
from transformers import AutoModelForCausalLM

from smolc.compiler.model.methods import DPO_LOSSES
from smolc.runtime.train import spread
from smolc.runtime.train.attention import varlen

BETA, SMOOTHING = 0.3, 0.1


class Answers:
    """Log-probabilities of every pair's tokens, under the trained model and the reference, each computed once."""

    def __init__(self, trainer: Any, start: Path) -> None:
        self.model = reference.Llama(trainer.accelerator.unwrap_model(trainer.model))
        self.start = reference.Llama(AutoModelForCausalLM.from_pretrained(start))
        self.known: dict[tuple[int, ...], tuple[Any, Any]] = {}

    def of(self, prompt: list[int], answer: list[int]) -> tuple[Any, Any]:
        key = (*prompt, -1, *answer)
        if key not in self.known:
            models = self.model, self.start
            self.known[key] = tuple(m.log_probs(prompt + answer) for m in models)  # type: ignore[assignment]
        return self.known[key]

    def pairs(self, rows: list[dict[str, Any]], **options: Any) -> reference.Pairs:
        chosen = [self.of(row["prompt_ids"], row["chosen_ids"]) for row in rows]
        rejected = [self.of(row["prompt_ids"], row["rejected_ids"]) for row in rows]
        return reference.Pairs(
            *([each[i] for each in side] for i in (0, 1) for side in (chosen, rejected)),
            *(np.array([float(len(row[f"{name}_ids"])) for row in rows]) for name in ("chosen", "rejected")),
            **options,
        )

    def sum_sq(self, rows: list[dict[str, Any]]) -> tuple[list[Any], list[Any]]:
        """log sum over v of p(v)^2, for each of the answers' tokens."""

        def of(row: dict[str, Any], side: str) -> Any:
            each = 2 * self.model.distributions(row["prompt_ids"] + row[side])
            return np.log(np.exp(each).sum(1))[len(row["prompt_ids"]) - 1 : -1]

        return [of(row, "chosen_ids") for row in rows], [of(row, "rejected_ids") for row in rows]


class Once:
    """A model's outputs, computed once for a batch: all tests have the same weights and the same batches."""

    def __init__(self) -> None:
        self.known: dict[bytes, Any] = {}

    def around(self, model: Any) -> None:
        forward = model.forward

        def once(**given: Any) -> Any:
            key = given["input_ids"].numpy().tobytes()
            if key not in self.known:
                self.known[key] = forward(**given)
            return self.known[key]

        model.forward = once


@pytest.fixture(scope="module")
def outputs() -> Once:
    return Once()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("dpo")


@pytest.fixture(scope="module")
def answers() -> dict[str, Answers]:
    return {}


def build(
    folder: Path, answers: dict[str, Answers], losses: tuple[str, ...], **said: Any
) -> tuple[Any, Answers]:
    loss = {"type": "dpo", "loss": list(losses), "weights": None, "beta": BETA, "reference": "base"}
    loss |= {"label_smoothing": SMOOTHING} | said.pop("loss", {})
    trainer = built.build(folder, built.pairs(3 * built.BATCHES), method="dpo", loss=loss, **said)
    return trainer, answers.setdefault("all", Answers(trainer, folder / "out" / "base" / "model"))


@pytest.mark.parametrize("name", DPO_LOSSES)
def test_each_loss_is_its_papers(name: str, folder: Path, answers: dict[str, Answers], outputs: Once) -> None:
    trainer, known = build(folder, answers, (name,))
    assert trainer.ref_model is None
    outputs.around(trainer.model)

    def losses() -> Iterator[tuple[float, float]]:
        for loss, (rows,) in built.steps(trainer):
            yield loss, float(reference.DPO[name](known.pairs(rows), BETA, SMOOTHING).mean())

    built.agree(name, losses())


JS, FORWARD, ALPHA = {"divergence": "js"}, {"divergence": "forward_kl"}, {"divergence": "alpha"}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("sigmoid", {"ld_alpha": 0.4, "wpo": True}),
        ("sigmoid", FORWARD),
        ("hinge", JS),
        ("discopop", ALPHA | {"divergence_alpha": 0.3, "discopop_tau": 0.5}),
        *(
            pytest.param(*case, marks=[pytest.mark.slow, pytest.mark.long])
            for case in (
                ("aot", {"ld_alpha": 0.0}),
                ("apo_zero", {"ld_alpha": 1.0}),
                ("ipo", ALPHA | {"divergence_alpha": 0.5}),
                ("exo_pair", JS | {"ld_alpha": 0.7}),
                ("robust", ALPHA | {"divergence_alpha": 0.9}),
                ("sigmoid_norm", FORWARD | {"wpo": True}),
                ("sigmoid", {"ld_alpha": 0.2}),
                ("apo_down", {"wpo": True}),
            )
        ),
    ],
)
def test_an_option_is_its_papers(
    name: str, said: dict[str, Any], folder: Path, answers: dict[str, Answers], outputs: Once
) -> None:
    trainer, known = build(folder, answers, (name,), loss=said)
    assert trainer.precompute_ref_logps
    (Once() if {"wpo", "ld_alpha"} & said.keys() else outputs).around(trainer.model)
    options = {"ld_alpha": said.get("ld_alpha", 1.0)}
    if "divergence" in said:
        options["reward"] = reference.divergence(said["divergence"], said.get("divergence_alpha", 0.0))
    tau = {"tau": said["discopop_tau"]} if "discopop_tau" in said else {}

    def losses() -> Iterator[tuple[float, float]]:
        for loss, (rows,) in built.steps(trainer):
            pairs = known.pairs(rows, **options)
            each = reference.DPO[name](pairs, BETA, SMOOTHING, **tau)
            if said.get("wpo"):
                each = each * reference.wpo_weights(pairs, known.sum_sq(rows))
            yield loss, float(each.mean())

    built.agree(f"{name} {said}", losses())


@pytest.mark.slow
@pytest.mark.long
def test_options_of_pairs_end_to_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without padding, as a GPU takes it; a slow kernel stands in for its own."""
    route_of = spread.route_of
    monkeypatch.setattr(
        spread, "route_of", lambda *a, **k: replace(route_of(*a, **k), kind="varlen", flat=True)
    )
    monkeypatch.setattr(varlen, "half_dtype", lambda value: value.dtype)
    said = {"ld_alpha": 0.4, "wpo": True, "divergence": "alpha", "divergence_alpha": 0.3}
    with varlen_on_cpu.kernel() as calls:
        trainer, _ = build(tmp_path, {}, ("sigmoid",), loss=said)
        known = Answers(trainer, tmp_path / "out" / "base" / "model")

        def losses() -> Iterator[tuple[float, float]]:
            for loss, (rows,) in built.steps(trainer):
                pairs = known.pairs(rows, ld_alpha=0.4, reward=reference.divergence("alpha", 0.3))
                each = reference.dpo(pairs, BETA, SMOOTHING)
                yield loss, float((each * reference.wpo_weights(pairs, known.sum_sq(rows))).mean())

        built.agree("end to end", losses())
        assert calls


@pytest.mark.parametrize(
    ("names", "weights"),
    [
        (("apo_zero", "exo_pair", "aot", "sft"), (0.7, 0.3, 2.0, 0.05)),
        pytest.param(("robust", "ipo"), None, marks=pytest.mark.slow),
    ],
)
def test_a_mix_is_the_weighted_sum_over_a_step(
    names: tuple[str, ...], weights: tuple[float, ...] | None, folder: Path, answers: dict[str, Answers]
) -> None:
    trainer, known = build(
        folder, answers, names, loss={"weights": weights}, batch={"micro": 3, "accumulation": 2}
    )
    each = weights or (1.0,) * len(names)

    def losses() -> Iterator[tuple[float, float]]:
        for loss, micro in built.steps(trainer, backward=True):
            together = [[row for rows in micro for row in rows]]
            # Quantiles are taken of a micro batch; all else is a mean over the pairs, or tokens, of the step.
            parts = [
                weight
                * np.mean([reference.DPO[name](known.pairs(rows), BETA, SMOOTHING) for rows in batches])
                for name, weight in zip(names, each, strict=True)
                for batches in [micro if name == "aot" else together]
            ]
            yield loss, float(sum(parts))

    built.agree("+".join(names), losses())
