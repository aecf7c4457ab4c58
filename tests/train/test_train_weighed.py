"""Means over held-out rows, of batches of other sizes and with other shares of good answers."""

from collections import defaultdict
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from smolc.runtime.train.weighed import Weighed


class Told:
    """As TRL's trainers: a value a batch, and their mean. Names without a row that counts get none."""

    name = "_metrics"
    accelerator = SimpleNamespace(device="cpu", gather_for_metrics=lambda x: x)

    def __init__(self) -> None:
        setattr(self, self.name, {"eval": defaultdict(list)})
        self.logged: dict[str, float] = {}

    def prediction_step(self, _: Any, inputs: dict[str, Any]) -> None:
        told = getattr(self, self.name)["eval"]
        label, reward = inputs["label"], inputs["reward"]
        told["kl"].append(reward.mean().item())
        for key, rows in (("chosen", label), ("rejected", ~label)):
            if rows.any():
                told[f"rewards/{key}"].append(reward[rows].mean().item())
        if label.any() and not label.all():
            told["rewards/margins"].append(told["rewards/chosen"][-1] - told["rewards/rejected"][-1])

    def log(self, logs: dict[str, float]) -> None:
        told = getattr(self, self.name)["eval"]
        self.logged = logs | {key: sum(values) / len(values) for key, values in told.items()}
        told.clear()


class Kto(Weighed, Told):
    def sides(self, inputs: dict[str, Any]) -> tuple[torch.Tensor, torch.Tensor]:
        return inputs["label"], ~inputs["label"]


class Orpo(Kto):
    name = "_stored_metrics"


@pytest.mark.parametrize("kind", [Kto, Orpo])
@pytest.mark.parametrize("seed", range(20))
def test_they_are_those_of_one_batch(kind: type[Kto], seed: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    label = torch.rand(23, generator=draw) < 0.7
    reward = torch.randn(23, generator=draw)
    trainer = kind()
    for _ in range(2):  # the second evaluation does not remember the first
        for rows in torch.arange(23).split(4):
            trainer.prediction_step(None, {"label": label[rows], "reward": reward[rows]})
        trainer.log({"eval_loss": 1.0})
        chosen, rejected = reward[label].mean().item(), reward[~label].mean().item()
        expected = {"kl": reward.mean().item(), "rewards/chosen": chosen, "rewards/rejected": rejected}
        expected |= {"rewards/margins": chosen - rejected, "eval_loss": 1.0}
        assert trainer.logged == pytest.approx(expected, abs=1e-5)
