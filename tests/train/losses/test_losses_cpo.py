"""CPO and SimPO against their papers in float64, and against a batch computed by hand: TRL's trainer is experimental."""

from collections.abc import Iterator
from math import log
from pathlib import Path
from typing import Any

import built
import pytest
import reference

CPO = {"type": "cpo", "loss": "sigmoid", "beta": 0.3, "alpha": 0.7, "label_smoothing": 0.1}
SIMPO = {"type": "simpo", "beta": 2.5, "gamma": 1.2}
LOSSES = [
    pytest.param(CPO, 1, id="cpo"),
    pytest.param(CPO, 2, id="cpo, accumulated"),
    pytest.param(CPO | {"loss": "hinge", "alpha": 0.0, "label_smoothing": 0.0}, 1, id="hinge alone"),
    pytest.param(CPO | {"loss": "ipo", "label_smoothing": 0.0}, 1, id="ipo"),
    pytest.param(SIMPO, 1, id="simpo"),
]


def expected(pairs: reference.Pairs, loss: dict[str, Any]) -> float:
    if loss["type"] == "simpo":
        return reference.simpo(pairs, loss["beta"], loss["gamma"])
    return reference.cpo(pairs, loss["loss"], loss["beta"], loss["alpha"], loss["label_smoothing"])


@pytest.mark.parametrize(("loss", "accumulation"), LOSSES)
def test_the_loss_is_the_papers(
    loss: dict[str, Any], accumulation: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """That of a step's pairs together, however many micro batches they are in."""
    batch = {"micro": 3, "accumulation": accumulation}
    rows, batches = built.pairs(300), 100 if accumulation == 1 else 30
    trainer = built.build(tmp_path, rows, method=loss["type"], loss=loss, batch=batch, batches=batches)
    model = reference.Llama(trainer.accelerator.unwrap_model(trainer.model))

    def losses() -> Iterator[tuple[float, float]]:
        for found, micro in built.steps(trainer, backward=accumulation > 1):
            yield found, expected(built.pairs_of(model, [row for rows in micro for row in rows]), loss)

    built.agree(request.node.callspec.id, losses())


@pytest.mark.parametrize(
    ("loss", "by_hand"),
    [
        (
            CPO | {"beta": 1.0, "alpha": 0.3, "label_smoothing": 0.0},
            (log(2) + log(5 / 4)) / 2 + 0.3 * 4 / 3 * log(2),
        ),
        (SIMPO | {"beta": 2.0, "gamma": log(2)}, (log(3 / 2) + log(3)) / 2),
    ],
    ids=["cpo", "simpo"],
)
def test_a_batch_computed_by_hand(loss: dict[str, Any], by_hand: float, tmp_path: Path) -> None:
    """Two pairs. log 2 is written L.

    |                                  | pair 1          | pair 2            |
    | prompt                           | 0 1             | 0 2               |
    | chosen                           | 1 -> 3, 3 -> 4  | 2 -> 5            |
    | its p, log p, mean               | 1/2 1/2, -2L, -L | 1/4, -2L, -2L    |
    | rejected                         | 1 -> 5          | 2 -> 6, 6 -> 7    |
    | its p, log p, mean               | 1/4, -2L, -2L   | 1/8 1/2, -4L, -2L |
    | cpo, beta 1: s(difference)       | s(0) = 1/2      | s(2L) = 4/5       |
    | simpo, beta 2: difference, beta  | 2L              | 0                 |
    | s(that - gamma), gamma = L       | s(L) = 2/3      | s(-L) = 1/3       |

    Cross entropy over the three tokens of chosen answers: (L + L + 2L) / 3, times alpha = 0.3.
    """
    rows = [
        {"prompt_ids": [0, 1], "chosen_ids": [3, 4], "rejected_ids": [5]},
        {"prompt_ids": [0, 2], "chosen_ids": [5], "rejected_ids": [6, 7]},
    ]
    batch = {"micro": 2, "accumulation": 1}
    trainer = built.build(tmp_path, rows, method=loss["type"], loss=loss, batch=batch, batches=1)
    table = {(0, 1): 1 / 8, (0, 2): 1 / 2, (1, 3): 1 / 2, (3, 4): 1 / 2, (1, 5): 1 / 4}
    table |= {(2, 5): 1 / 4, (2, 6): 1 / 8, (6, 7): 1 / 2}
    built.make_table(trainer.model, table)
    built.agree(f"{loss['type']} by hand", ((found, by_hand) for found, _ in built.steps(trainer)))
