"""What the report says of a run's method: what is not at its default is there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fake_jobs import LRS, OPTIMIZER, PLACE, TRAIN

from smolc.runtime.jobs.manifest import Entry
from smolc.runtime.jobs.train import TrainJob
from smolc.runtime.report.collect import JobView
from smolc.runtime.report.training import settings_of

NAMES: dict[str, Any] = {"id": "last", "title": "last", "stage": "last", "needs": ["base", "data"]}
DPO: dict[str, Any] = {
    "type": "dpo",
    "loss": ["sigmoid"],
    "weights": None,
    "beta": 0.1,
    "label_smoothing": 0.0,
}
KTO = {"type": "kto", "beta": 0.1, "desirable_weight": 1.0, "undesirable_weight": 1.0}


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        (DPO, "dpo, loss sigmoid, beta 0.1"),
        (DPO | {"ld_alpha": 0.5, "wpo": True}, "dpo, loss sigmoid, beta 0.1, ld_alpha 0.5, wpo"),
        (DPO | {"divergence": "js"}, "dpo, loss sigmoid, beta 0.1, divergence js"),
        (
            DPO | {"divergence": "alpha", "divergence_alpha": 0.3},
            "dpo, loss sigmoid, beta 0.1, divergence alpha 0.3",
        ),
        (KTO, "kto, beta 0.1"),
        (KTO | {"loss": "apo_zero_unpaired"}, "kto, loss apo_zero_unpaired, beta 0.1"),
    ],
)
def test_the_method_with_its_options(loss: dict[str, Any], said: str) -> None:
    body = {**PLACE, **NAMES, **TRAIN, "data": "data", "method": loss["type"], "packing": "none"}
    body |= {"optimizer": OPTIMIZER | {"lr": LRS[0]}, "loss": loss | {"reference": "base"}}
    entry = Entry.model_validate(NAMES | {"kind": "train", "hash": "0"})
    view = JobView(entry, TrainJob.model_validate(body), "done", 1.0, {}, (), Path())
    assert dict(settings_of(view, set(), True))["method"] == said
