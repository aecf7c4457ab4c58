"""ORPO against its paper in float64, and against one batch computed by hand: TRL's trainer is experimental."""

from collections.abc import Iterator
from math import log
from pathlib import Path

import built
import pytest
import reference

LOSS = {"type": "orpo", "beta": 0.3}


@pytest.mark.parametrize("accumulation", [1, 2])
def test_the_loss_is_the_papers(accumulation: int, tmp_path: Path) -> None:
    """That of a step's pairs together, however many micro batches they are in."""
    batch = {"micro": 3, "accumulation": accumulation}
    trainer = built.build(tmp_path, built.pairs(300), method="orpo", loss=LOSS, batch=batch)
    model = reference.Llama(trainer.accelerator.unwrap_model(trainer.model))

    def losses() -> Iterator[tuple[float, float]]:
        for loss, micro in built.steps(trainer, backward=accumulation > 1):
            yield loss, reference.orpo(built.pairs_of(model, [row for rows in micro for row in rows]), 0.3)

    built.agree("orpo", losses())


def test_a_batch_computed_by_hand(tmp_path: Path) -> None:
    """Two pairs. log 2 is written L.

    |                          | pair 1                | pair 2                    |
    | prompt                   | 0 1, p(1) = 1/8       | 0 2, p(2) = 1/2           |
    | chosen                   | 1 -> 3, 3 -> 4        | 2 -> 5                    |
    | its p                    | 1/2, 1/2              | 1/4                       |
    | geometric mean and odds  | 1/2, 1                | 1/4, 1/3                  |
    | rejected                 | 1 -> 5                | 2 -> 6, 6 -> 7            |
    | its p                    | 1/4                   | 1/8, 1/2                  |
    | geometric mean and odds  | 1/4, 1/3              | sqrt(1/16) = 1/4, 1/3     |
    | odds ratio               | 3                     | 1                         |
    | -log sigmoid(log ratio)  | -log(3/4)             | -log(1/2) = L             |

    Cross entropy, prompts included, over the 3 + 2 tokens of prompts and chosen answers after the first:
    (3L + L + L) + (L + 2L) = 8L, / 5. With beta = 0.3: 8/5 L + 0.3 (log(4/3) + L) / 2.
    """
    rows = [
        {"prompt_ids": [0, 1], "chosen_ids": [3, 4], "rejected_ids": [5]},
        {"prompt_ids": [0, 2], "chosen_ids": [5], "rejected_ids": [6, 7]},
    ]
    batch = {"micro": 2, "accumulation": 1}
    trainer = built.build(tmp_path, rows, method="orpo", loss=LOSS, batch=batch, batches=1)
    table = {(0, 1): 1 / 8, (0, 2): 1 / 2, (1, 3): 1 / 2, (3, 4): 1 / 2, (1, 5): 1 / 4}
    table |= {(2, 5): 1 / 4, (2, 6): 1 / 8, (6, 7): 1 / 2}
    built.make_table(trainer.model, table)
    expected = 8 / 5 * log(2) + 0.3 * (log(4 / 3) + log(2)) / 2
    built.agree("orpo by hand", ((loss, expected) for loss, _ in built.steps(trainer)))
