"""KTO against its paper in float64, and against one batch computed by hand."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import built
import numpy as np
import pytest
import reference
from transformers import AutoModelForCausalLM

LOSS = {"type": "kto", "beta": 0.3, "desirable_weight": 1.3, "undesirable_weight": 0.8, "reference": "base"}


@pytest.mark.parametrize("accumulation", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_the_loss_is_the_papers(accumulation: int, tmp_path: Path) -> None:
    """A step's is the mean of its micro batches', each with a KL of its own."""
    batch = {"micro": 3, "accumulation": accumulation}
    trainer = built.build(tmp_path, built.unpaired(300), method="kto", loss=LOSS, batch=batch)
    model = reference.Llama(trainer.accelerator.unwrap_model(trainer.model))
    start = reference.Llama(AutoModelForCausalLM.from_pretrained(tmp_path / "out/base/model"))
    estimates = []

    def ratio(row: dict[str, Any], answer: dict[str, Any]) -> float:
        ids, n = row["prompt_ids"] + answer["completion_ids"], len(answer["completion_ids"])
        return float(model.log_probs(ids)[-n:].sum() - start.log_probs(ids)[-n:].sum())

    def expected(rows: list[dict[str, Any]]) -> float:
        own = np.array([ratio(row, row) for row in rows])
        others = np.array([ratio(row, rows[i - 1]) for i, row in enumerate(rows)])
        estimates.append(others.mean())
        return reference.kto(own, others, [row["label"] for row in rows], 0.3, 1.3, 0.8)

    def losses() -> Iterator[tuple[float, float]]:
        for loss, micro in built.steps(trainer, backward=accumulation > 1):
            yield loss, float(np.mean([expected(rows) for rows in micro]))

    built.agree("kto", losses())
    # Both sides of the estimate's bound were there.
    assert min(estimates) < 0 < max(estimates)


def test_apo_zero_of_single_answers(tmp_path: Path) -> None:
    """Without an estimate: a batch of one, too."""
    loss, batch = LOSS | {"loss": "apo_zero_unpaired"}, {"micro": 1, "accumulation": 1}
    trainer = built.build(tmp_path, built.unpaired(100), method="kto", loss=loss, batch=batch)
    assert "KL_completion_ids" not in trainer.train_dataset.column_names
    model = reference.Llama(trainer.accelerator.unwrap_model(trainer.model))
    start = reference.Llama(AutoModelForCausalLM.from_pretrained(tmp_path / "out/base/model"))

    def ratio(row: dict[str, Any]) -> float:
        ids, n = row["prompt_ids"] + row["completion_ids"], len(row["completion_ids"])
        return float(model.log_probs(ids)[-n:].sum() - start.log_probs(ids)[-n:].sum())

    def losses() -> Iterator[tuple[float, float]]:
        for loss, (rows,) in built.steps(trainer):
            ratios, good = np.array([ratio(row) for row in rows]), [row["label"] for row in rows]
            yield loss, reference.apo_zero_unpaired(ratios, good, 0.3, 1.3, 0.8)

    built.agree("apo_zero_unpaired", losses())


def test_a_batch_computed_by_hand(tmp_path: Path) -> None:
    """A good and a bad answer of one token. log 2 is written L.

    |                               | good                | bad                   |
    | prompt and answer             | 0 1, 3              | 0 2, 5                |
    | p, under the reference        | 1/2, 1/4            | 1/8, 1/2              |
    | r                             | L                   | -2L                   |
    | the prompt with the other's   | 1 -> 5              | 2 -> 3                |
    | p, under the reference        | 1/4, 1/16           | 1/2, 1/2              |
    | its r                         | 2L                  | 0                     |

    KL = (2L + 0) / 2 = L. With beta = 1/3, good: 1 - sigmoid((L - L) / 3) = 1/2; bad: 1 - sigmoid((L + 2L) / 3)
    = 1 - 2/3. With the weights 1.3 and 0.8: (1.3 / 2 + 0.8 / 3) / 2.
    """
    rows = [
        {"prompt_ids": [0, 1], "completion_ids": [3], "label": True},
        {"prompt_ids": [0, 2], "completion_ids": [5], "label": False},
    ]
    batch, loss = {"micro": 2, "accumulation": 1}, LOSS | {"beta": 1 / 3}
    trainer = built.build(tmp_path, rows, method="kto", loss=loss, batch=batch, batches=1)
    built.make_table(trainer.model, {(1, 3): 1 / 2, (2, 5): 1 / 8, (1, 5): 1 / 4, (2, 3): 1 / 2})
    kept = {1: {"ref_logps": np.log(1 / 4), "ref_KL_logps": np.log(1 / 16)}}
    kept[2] = {"ref_logps": np.log(1 / 2), "ref_KL_logps": np.log(1 / 2)}
    trainer.train_dataset = trainer.train_dataset.map(lambda row: kept[row["prompt_ids"][-1]])
    expected = (1.3 / 2 + 0.8 / 3) / 2
    built.agree("kto by hand", ((loss, expected) for loss, _ in built.steps(trainer)))
