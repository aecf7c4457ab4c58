"""The choice of a micro batch and of what is recomputed; the measurement itself needs a GPU."""

from typing import Any

import numpy as np
import pytest
import torch
from compiled import DPO, LORA, TRAIN
from hypothesis import given
from hypothesis import strategies as st

from smolc.runtime.jobs.train import TrainJob
from smolc.runtime.train.footprint import Shape
from smolc.runtime.train.probe import Trial, best, divided, key_of, search, table, why_not
from smolc.runtime.train.reckon import MOST_TOKENS, reckoned

AUTO = {"probe": {"micro": True, "checkpointing": True}, "packing": "best_fit", "precision": "bf16"}
LONG = {"on_cuda": True, "parameters": 3_000_000_000, "tokens": 100_000_000}


def job(share: int = 12, length: int = 1024, devices: int = 1, **said: Any) -> TrainJob:
    batch = {"global_sequences": share * devices, "micro": 1, "accumulation": share, "data_parallel": devices}
    return TrainJob.model_validate(TRAIN | AUTO | {"batch": batch, "length": length} | said)


class Device:
    """Memory linear in the rows whose layers are kept, time linear in rows plus a launch; recomputing costs a third."""

    def __init__(self, rows: float, launch: float = 0.1) -> None:
        self.rows, self.launch = rows, launch
        self.asked: list[tuple[int, float]] = []

    def __call__(self, micro: int, checkpointing: float) -> Trial:
        self.asked.append((micro, checkpointing))
        if micro * (1 - 0.9 * checkpointing) > self.rows:
            return Trial(micro, checkpointing, None, None)
        return Trial(micro, checkpointing, micro / (micro * (1 + checkpointing / 3) + self.launch), 1.0)


@pytest.mark.parametrize(
    ("rows", "launch", "wanted"),
    [
        (3.5, 0.1, (3, 0.0)),  # 3 rows are kept; 4 would need recomputing, which costs more than it wins
        (0.5, 0.1, (4, 1.0)),  # not even one row fits as a whole, nor with half of the layers recomputed
        (1.0, 9.0, (6, 1.0)),  # launches cost so much that a large batch pays for recomputing
        (99.0, 1.0, (12, 0.0)),
        (0.05, 0.1, None),
    ],
)
def test_the_fastest_division_that_fits(rows: float, launch: float, wanted: tuple[int, float] | None) -> None:
    trials = list(search(job(), Device(rows, launch)))
    chosen = best(trials)
    assert (None if chosen is None else (chosen.micro, chosen.checkpointing)) == wanted


@given(
    share=st.integers(1, 200), devices=st.integers(1, 8), rows=st.floats(0.01, 64), launch=st.floats(0, 10),
    length=st.sampled_from([512, 4096, 65536, 131072]),
)  # fmt: skip
def test_the_global_batch_stays_and_little_is_tried(
    share: int, devices: int, rows: float, launch: float, length: int
) -> None:
    asked = job(share, length, devices)
    trials = list(search(asked, Device(rows, launch)))
    assert len({(t.micro, t.checkpointing) for t in trials}) == len(trials) <= 24
    for trial in trials:
        new = divided(asked, trial).batch
        assert new.micro * new.accumulation * new.data_parallel == new.global_sequences == share * devices
        assert trial.micro * length <= max(MOST_TOKENS, length)


def test_what_the_recipe_says_is_kept() -> None:
    fixed = job(probe={"micro": False, "checkpointing": True}, checkpointing=1.0)
    assert {t.micro for t in search(fixed, Device(9))} == {1}
    fixed = job(probe={"micro": True, "checkpointing": False}, checkpointing=0.25)
    assert {t.checkpointing for t in search(fixed, Device(9))} == {0.25}


@pytest.mark.parametrize(
    ("said", "about", "why"),
    [
        ({}, {}, None),
        ({"probe": {"micro": False, "checkpointing": False}}, {}, "the recipe says how"),
        ({}, {"on_cuda": False}, "no GPU"),
        ({"packing": "none"}, {}, "differ in length"),
        ({}, {"tokens": 100_000}, "short"),
        (
            {"devices": 2, "parallel": {"type": "zero", "stage": 2, "offload": "none"}},
            {},
            "sharded",
        ),
    ],
)
def test_when_it_is_measured(said: dict[str, Any], about: dict[str, Any], why: str | None) -> None:
    found = why_not(job(**said), **(LONG | about))
    assert found is None if why is None else why in str(found)


@pytest.mark.parametrize(
    ("said", "same"),
    [
        ({"optimizer": TRAIN["optimizer"] | {"lr": 1.0}}, True),
        ({"seed": 99, "id": "other", "duration": {"epochs": 1.0, "steps": None, "tokens": None}}, True),
        ({"length": 2048}, False),
        ({"precision": "bf16_pure"}, False),
        ({"adapter": LORA}, False),
        ({"optimizer": {"type": "sgd", "lr": 3e-3, "weight_decay": 0.0, "clip": 1.0}}, False),
    ],
)
def test_the_runs_of_a_grid_share_what_was_measured(said: dict[str, Any], same: bool) -> None:
    assert (key_of(job(**said), "GPU") == key_of(job(), "GPU")) == same
    assert key_of(job(), "another") != key_of(job(), "GPU")


def test_the_log_tells_what_was_tried() -> None:
    trials = [Trial(1, 0.0, 1000.0, 20.0), Trial(2, 0.0, None, None), Trial(2, 1.0, 900.0, 15.0)]
    lines = table(trials, divided(job(), trials[0])).splitlines()
    assert "<-- taken" in lines[1] and "does not fit" in lines[2] and "100%" in lines[3]


SMALL = Shape(135_000_000, 30, 576, 1536, 200_000)
LARGE = Shape(3_075_000_000, 36, 2048, 11008, 1_500_000)
PAIRS = {"method": "dpo", "loss": DPO, "packing": "none", "checkpointing": 1.0}
H100 = 79 * 2**30


@pytest.mark.parametrize(
    ("shape", "said", "longest", "micro", "checkpointing"),
    [
        (SMALL, {"checkpointing": 1.0}, 1024, 1, 0.0),  # packed: what is left open is what is recomputed
        (SMALL, PAIRS, 400, 12, 0.0),
        (SMALL, PAIRS | {"probe": {"micro": False, "checkpointing": True}}, 400, 1, 0.0),
        (SMALL, PAIRS | {"probe": {"micro": True, "checkpointing": False}}, 400, 12, 1.0),
        (LARGE, PAIRS, 1024, 1, 0.0),
        (LARGE, PAIRS, 2048, 12, 1.0),  # 18 bytes a parameter leave no room for whole activations
        (LARGE, PAIRS | {"adapter": LORA}, 1024, 4, 0.0),
        (None, PAIRS, 400, 1, 1.0),
    ],
)
def test_without_a_measurement_it_is_reckoned(
    shape: Shape | None, said: dict[str, Any], longest: int, micro: int, checkpointing: float
) -> None:
    asked = job(**said)
    found = reckoned(asked, shape, H100, np.full(200, longest), 100, bound=False)
    assert (found.batch.micro, found.checkpointing) == (micro, checkpointing)
    assert found.batch.micro * found.batch.accumulation == asked.batch.global_sequences
    assert reckoned(asked, shape, H100, np.full(200, longest), 100, bound=True).batch.micro == 1


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU, and a measurement would run")
def test_without_a_gpu_the_plan_stands(tmp_path: Any) -> None:
    from smolc.runtime.train.probe import tuned

    asked = job(device="cpu")
    assert tuned(None, asked, None) == (asked, [])  # type: ignore[arg-type]  # the folder is not looked at
