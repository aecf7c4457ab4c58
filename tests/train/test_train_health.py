"""What went wrong in a preference run, from its numbers; and the numbers, against plain arithmetic."""

import json
import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import datasets
import numpy as np
import pytest
import torch

from smolc.runtime.train.health import measure
from smolc.runtime.train.health.check import answer_lengths, demand_room
from smolc.runtime.train.health.numbers import Answers, Measured, Side, Spoken
from smolc.runtime.train.health.words import Seen, findings

RUNS: dict[str, Any] = json.loads((Path(__file__).parent / "health_runs.json").read_text())
"""Curves and end numbers of runs of a model of two layers, of 64 held-out pairs: see test_train_health_runs.py."""

SPOKEN = Answers(16, 120, 40.0, Spoken(42.0, 1.0), Spoken(45.0, 1.0))
FINE = Measured(
    pairs=200,
    paired=True,
    chosen_tokens=40.0,
    rejected_tokens=50.0,
    start=Side(-1.2, -1.6, 0.62),
    trained=Side(-1.25, -1.9, 0.70),
    margin=9.0,
    preferred=0.74,
    kl_chosen=0.04,
    kl_rejected=0.05,
    answers=SPOKEN,
)


def curve(
    loss: float = 0.6, accuracy: float = 0.75, margin: float = 0.4, held: Any = ((10, 0.6, 0.72, 0.4),)
) -> list[dict[str, Any]]:
    """held: step, loss, accuracy and margin of each evaluation."""
    rows: list[dict[str, Any]] = [
        {"step": s, "loss": loss, "rewards/accuracies": accuracy, "rewards/margins": margin}
        for s in range(1, 11)
    ]
    names = ("step", "eval_loss", "eval_rewards/accuracies", "eval_rewards/margins")
    return [*rows, *(dict(zip(names, row, strict=True)) for row in held)]


def seen(**changed: Any) -> Seen:
    given: dict[str, Any] = {
        "method": "dpo",
        "losses": ("sigmoid",),
        "curve": curve(),
        "held_out": 200,
        "measured": FINE,
    }
    return Seen(**given | changed)


def bad(run: Seen) -> list[str]:
    return [f.word for f in findings(run) if f.bad]


def but(**changed: Any) -> Seen:
    return seen(measured=replace(FINE, **changed))


def spoken(start: tuple[float, float], trained: tuple[float, float], chosen: float | None = 40.0) -> Seen:
    return but(answers=Answers(16, 120, chosen, Spoken(*start), Spoken(*trained)))


STILL = curve(loss=math.log(2) - 0.001)
SAME = replace(FINE, trained=FINE.start, margin=1e-4, preferred=0.5, kl_chosen=6e-9, kl_rejected=6e-9)
LOSSES: list[tuple[str, tuple[str, ...]]] = [
    ("dpo", ("sigmoid",)),
    ("dpo", ("apo_zero",)),
    ("dpo", ("ipo", "sft")),
    *((method, ()) for method in ("kto", "orpo", "cpo", "simpo")),
]
LONGER_LOSSES = ((10, 0.60, 0.7, 0.3), (20, 0.55, 0.7, 0.5), (30, 0.60, 0.7, 0.8))


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (seen(), []),
        # The loss is where it starts: nothing else is worth telling.
        (seen(curve=STILL), ["nothing learnt"]),
        (seen(curve=STILL, losses=("robust",)), ["nothing learnt"]),
        (seen(curve=STILL, measured=None, why_not="no rows"), ["nothing learnt"]),
        (seen(curve=STILL, losses=("ipo",)), []),
        (seen(curve=STILL, losses=("sigmoid", "sft")), []),
        (seen(curve=STILL, method="simpo", losses=()), []),
        (seen(curve=[*STILL[:5], *curve(loss=0.68)[5:]]), []),
        # Whatever the loss, the model is the one that it is compared with.
        *((seen(method=m, losses=of, measured=SAME), ["nothing learnt"]) for m, of in LOSSES),
        (seen(method="kto", losses=(), measured=replace(SAME, kl_rejected=0.0002)), []),
        (seen(method="kto", losses=(), measured=replace(SAME, margin=0.06)), []),
        # Chosen answers: below half a nat a token is usual.
        (but(trained=Side(-1.69, -3.0, 0.7)), []),
        (but(trained=Side(-1.70, -3.0, 0.7)), ["chosen collapsed"]),
        (but(trained=Side(-9.0, -20.0, 0.7)), ["chosen collapsed"]),
        (but(trained=Side(-0.9, -2.0, 0.7)), []),
        (
            seen(method="kto", losses=(), measured=replace(FINE, trained=Side(-3.0, -4.0, 0.7))),
            ["chosen collapsed"],
        ),
        (
            seen(method="orpo", losses=(), measured=replace(FINE, trained=Side(-3.0, -4.0, 0.7))),
            ["chosen collapsed"],
        ),
        # Own answers: longer than the start model's and than the data's.
        (spoken((42, 1.0), (84, 1.0)), ["answers exploded"]),
        (spoken((42, 1.0), (83, 1.0)), []),
        (spoken((20, 1.0), (60, 1.0)), []),
        (spoken((20, 1.0), (60, 1.0), chosen=None), ["answers exploded"]),
        (spoken((42, 1.0), (120, 0.0)), ["answers exploded", "does not stop"]),
        (spoken((42, 1.0), (50, 0.75)), ["does not stop"]),
        (spoken((42, 1.0), (50, 0.81)), []),
        (spoken((120, 0.0), (120, 0.0), chosen=60.0), []),
        (spoken((42, 1.0), (10, 1.0)), ["answers vanished"]),
        (spoken((42, 1.0), (11, 1.0)), []),
        # The data's answers are as short.
        (spoken((42, 1.0), (10, 1.0), chosen=10.0), []),
        (but(answers=None), []),
        # KL: what has no reference in its loss may go far, towards the chosen answers.
        (but(kl_chosen=0.49), []),
        (but(kl_chosen=0.5), ["KL ran away"]),
        (but(kl_chosen=0.9, trained=Side(-0.5, -2.0, 0.7)), ["KL ran away"]),
        (
            seen(
                method="orpo", losses=(), measured=replace(FINE, kl_chosen=0.9, trained=Side(-0.5, -2.0, 0.7))
            ),
            [],
        ),
        (seen(method="simpo", losses=(), measured=replace(FINE, kl_chosen=0.9)), ["KL ran away"]),
        # Pairs learnt by heart.
        (seen(curve=curve(accuracy=0.98, held=((10, 0.7, 0.51, 0.1),))), ["margin without accuracy"]),
        (seen(curve=curve(accuracy=0.98, held=((10, 0.7, 0.74, 0.1),))), ["learnt by heart"]),
        (seen(curve=curve(accuracy=0.98, held=((10, 0.7, 0.8, 0.1),))), []),
        (seen(curve=curve(accuracy=0.74, held=((10, 0.7, 0.51, 0.1),))), []),
        # 12 pairs: 50% or 75% of them are one and the same.
        (seen(curve=curve(accuracy=0.76, held=((10, 0.7, 0.6, 0.1),)), held_out=12), []),
        # A reference-free loss starts from what the start model prefers (62%), not from chance.
        (
            seen(method="simpo", losses=(), curve=curve(accuracy=0.98, held=((10, 0.7, 0.63, 0.1),))),
            ["margin without accuracy"],
        ),
        (seen(curve=curve(accuracy=0.6, held=((10, 0.7, 0.3, -0.1),))), ["preferences reversed"]),
        (seen(curve=curve(accuracy=0.6, held=((10, 0.7, 0.44, -0.1),))), []),
        # Unpaired: nothing but a margin in training.
        (
            seen(
                method="kto",
                losses=(),
                measured=replace(FINE, paired=False, preferred=0.5),
                curve=[
                    {"step": 1, "loss": 0.4, "rewards/margins": 2.0},
                    {"step": 1, "eval_rewards/margins": 0.1},
                ],
            ),
            ["margin without accuracy"],
        ),
        # The held-out loss.
        (seen(curve=curve(held=LONGER_LOSSES)), ["held-out loss rose"]),
        (seen(curve=curve(held=LONGER_LOSSES[:2])), []),
        (seen(curve=curve(held=[(s, 1.0 - s / 100, 0.7, 0.1) for s in (10, 20, 30)])), []),
        (seen(curve=curve(held=[(10, 0.6, 0.7, 0.1), (20, 0.58, 0.7, 0.1), (30, 0.6, 0.7, 0.1)])), []),
        # Nothing measured, nothing logged.
        (seen(measured=None, why_not="no rows"), []),
        (seen(measured=None, curve=[], held_out=0, why_not="no rows"), []),
    ],
)
def test_what_went_wrong_is_told_from_the_numbers(run: Seen, words: list[str]) -> None:
    assert bad(run) == words


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("good", []),
        ("simpo", []),
        ("kto", []),
        ("orpo", []),
        ("nothing learnt", ["nothing learnt"]),
        ("too high a rate", ["chosen collapsed", "KL ran away"]),
        (
            "shuffled labels",
            ["chosen collapsed", "KL ran away", "margin without accuracy", "held-out loss rose"],
        ),
        ("kto, shuffled labels", ["KL ran away", "margin without accuracy"]),
        ("long chosen answers", ["does not stop", "KL ran away"]),
    ],
)
def test_real_runs_are_told_apart(name: str, words: list[str]) -> None:
    run = RUNS[name]
    assert (
        bad(Seen(run["method"], tuple(run["losses"]), run["curve"], run["held_out"], _read(run["measured"])))
        == words
    )


def _read(body: dict[str, Any]) -> Measured:
    answers = body["answers"]
    sides = {side: Side(**body[side]) for side in ("start", "trained")}
    said = {side: Spoken(**answers[side]) for side in ("start", "trained")}
    return Measured(**body | sides | {"answers": Answers(**answers | said)})


def text_of(run: Seen) -> str:
    return " ".join(f.text for f in findings(run))


@pytest.mark.parametrize(
    ("run", "said"),
    [
        (seen(), "Nothing went wrong: in 74% (± 7) of 200 held-out pairs"),
        (seen(), "own answers went from 42 to 45 tokens"),
        (
            seen(method="simpo", losses=()),
            "in 70% (± 7) of 200 held-out pairs the chosen answer is the likelier",
        ),
        (but(pairs=20), "Only 20 held-out pairs: a share of them is known to ± 22 points"),
        (seen(measured=None, why_not="no rows"), "Not measured on held-out pairs: no rows."),
        (seen(curve=STILL, measured=None, why_not="no rows"), "Not measured on held-out pairs: no rows."),
        (
            but(trained=Side(-2.0, -3.0, 0.7)),
            "fell by 0.80 nats a token (-1.20 to -2.00), rejected ones by 1.40",
        ),
        (but(trained=Side(-2.0, -1.5, 0.7)), "while rejected ones did not fall"),
        (spoken((42, 1.0), (120, 0.25)), "120 tokens on average, where the start model's have 42"),
        (spoken((42, 1.0), (120, 0.25)), "25% of 16 within 120 tokens, where the start model ends 100%"),
        (seen(curve=curve(held=LONGER_LOSSES)), "lowest at step 20 (0.550) and rose to 0.600 by step 30"),
    ],
)
def test_the_words_have_the_numbers(run: Seen, said: str) -> None:
    assert said in text_of(run)


def test_a_run_that_went_wrong_is_not_called_well_too() -> None:
    for run in RUNS.values():
        told = Seen(
            run["method"], tuple(run["losses"]), run["curve"], run["held_out"], _read(run["measured"])
        )
        assert ("Nothing went wrong" in text_of(told)) is not bool(bad(told))


class Toy(torch.nn.Module):
    """A causal model: logits are of a token and of the sum of those before it."""

    def __init__(self, seed: int, size: int = 11) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.table = torch.nn.Embedding(size, size)
        self.device = torch.device("cpu")

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, use_cache: bool) -> Any:
        found = self.table(input_ids)
        return SimpleNamespace(logits=found + 0.3 * found.cumsum(1).roll(1, 1))


def test_log_probabilities_and_kl_are_those_of_plain_arithmetic(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is beside a sequence in its batch, and in however many parts its positions are compared."""
    draw = np.random.default_rng(3)
    rows = [
        {name: draw.integers(0, 11, n).tolist() for name, n in zip(NAMES, (3, 5 + i, 9 - i), strict=True)}
        for i in range(6)
    ]
    answers = measure.answers_of(rows)
    models = Toy(1), Toy(2)
    monkeypatch.setattr(measure, "POSITIONS", 4)
    monkeypatch.setitem(measure.TOKENS, "cpu", 30)
    scores = measure.scores_of(answers, *models)
    for i, answer in enumerate(answers):
        ids = torch.tensor([answer.prompt + answer.ids])
        with torch.no_grad():
            q, p = (m(ids, ids, False).logits[0].double().log_softmax(-1) for m in models)
        at = range(len(answer.prompt), ids.shape[1])
        assert scores.tokens[i] == len(answer.ids)
        assert scores.start[i] == pytest.approx(sum(float(q[t - 1, ids[0, t]]) for t in at), abs=1e-4)
        assert scores.trained[i] == pytest.approx(sum(float(p[t - 1, ids[0, t]]) for t in at), abs=1e-4)
        kl = sum(float((p[t - 1].exp() * (p[t - 1] - q[t - 1])).sum()) for t in at)
        assert scores.kl[i] == pytest.approx(kl, abs=1e-4) and kl > 0


NAMES = ("prompt_ids", "chosen_ids", "rejected_ids")


def test_sums_are_weighed_by_tokens() -> None:
    rows = [
        dict(zip(NAMES, ([1], [2] * 4, [3] * 2), strict=True)),
        dict(zip(NAMES, ([1], [2], [3] * 2), strict=True)),
    ]
    answers = measure.answers_of(rows)
    scores = measure.Scores(
        np.array([4.0, 2.0, 1.0, 2.0]),
        np.array([-4.0, -4.0, -3.0, -2.0]),
        np.array([-2.0, -8.0, -2.0, -1.0]),
        np.array([0.4, 0.2, 0.1, 0.6]),
    )
    found = measure.summed_up(answers, scores, paired=True)
    assert found is not None
    assert (found.start.chosen, found.start.rejected) == pytest.approx((-7 / 5, -6 / 4))
    assert (found.trained.chosen, found.trained.rejected) == pytest.approx((-4 / 5, -9 / 4))
    assert (found.kl_chosen, found.kl_rejected) == pytest.approx((0.5 / 5, 0.8 / 4))
    # Gains: chosen 2 and 1, rejected -4 and 1.
    assert found.margin == pytest.approx(1.5 - (-1.5))
    # A tie is half.
    assert found.preferred == pytest.approx(0.75)
    # A token: -1 > -2, -3 < -1; then -0.5 > -4, -2 < -0.5.
    assert (found.start.likelier, found.trained.likelier) == (0.5, 0.5)


def test_unpaired_answers_are_compared_with_all_others() -> None:
    rows = [{"prompt_ids": [1], "completion_ids": [2], "label": label} for label in (True, False, True)]
    answers = measure.answers_of(rows)
    assert measure.apart(answers, np.array([2.0, 1.0, 0.0]), paired=False) == 0.5
    assert measure.summed_up(answers[:1], measure.Scores(*(np.ones(1),) * 4), paired=False) is None


def test_rows_are_spread_evenly_and_always_the_same() -> None:
    assert measure.spread(range(5), 9) == [0, 1, 2, 3, 4]
    some = measure.spread(range(1000), 5)
    assert some == [0, 249, 499, 749, 999]


@pytest.mark.parametrize(
    ("method", "loss", "lengths"),
    [
        ("dpo", {"loss": ("sigmoid",)}, {"chosen": 3.0, "rejected": 1.5}),
        ("cpo", {"loss": "hinge"}, {"chosen": 3.0, "rejected": 1.5}),
        ("cpo", {"loss": "ipo"}, {"chosen": 1.0, "rejected": 1.0}),
        ("orpo", {}, {"chosen": 1.0, "rejected": 1.0}),
        ("simpo", {}, {"chosen": 1.0, "rejected": 1.0}),
        ("sft", {}, {}),
    ],
)
def test_what_trl_logs_is_of_answers_or_of_tokens(
    method: str, loss: dict[str, Any], lengths: dict[str, float]
) -> None:
    rows = datasets.Dataset.from_dict({"chosen_ids": [[1, 2], [1, 2, 3, 4]], "rejected_ids": [[1], [1, 2]]})
    job: Any = SimpleNamespace(method=method, loss=SimpleNamespace(**loss))
    assert answer_lengths(rows, job) == lengths
    assert answer_lengths(None, job) == {}


def test_lengths_of_unpaired_answers_are_by_label() -> None:
    rows = datasets.Dataset.from_dict({"completion_ids": [[1, 2], [1, 2, 3, 4]], "label": [True, False]})
    job: Any = SimpleNamespace(method="kto", loss=SimpleNamespace())
    assert answer_lengths(rows, job) == {"chosen": 2.0, "rejected": 4.0}
    assert answer_lengths(rows.select([0]), job) == {"chosen": 2.0}


def test_two_models_have_to_fit_before_one_is_loaded() -> None:
    demand_room(weights=6 << 30, vocabulary=128_000, free=40 << 30)
    with pytest.raises(MemoryError, match=r"14\.4 GiB, and 14\.0 GiB of the device are free"):
        demand_room(weights=6 << 30, vocabulary=128_000, free=14 << 30)
