import numpy as np
import pytest
import torch
from transformers import get_scheduler

from smolc.runtime.jobs.errors import JobError
from smolc.runtime.jobs.train import Duration, Every, Schedule
from smolc.runtime.train.steps import Length, every_steps, length_of, row_order, scheduler_settings


def duration(**one: float) -> Duration:
    return Duration.model_validate({"epochs": None, "steps": None, "tokens": None} | one)


@pytest.mark.parametrize(
    ("said", "steps"),
    [
        ({"steps": 7}, 7),
        ({"epochs": 1}, 25),
        ({"epochs": 2}, 50),
        ({"epochs": 0.1}, 3),  # 10 rows of 4
        ({"epochs": 0.01}, 1),
        ({"tokens": 4000}, 10),  # 100 tokens a row, 400 a step
        ({"tokens": 4001}, 11),
    ],
)
def test_steps_follow_from_the_duration(said: dict[str, float], steps: int) -> None:
    assert length_of(duration(**said), rows=100, tokens=10_000, sequences=4).steps == steps


def test_a_remainder_is_not_dropped() -> None:
    assert length_of(duration(epochs=1), rows=101, tokens=1, sequences=4).steps == 26


def test_no_rows_is_the_users_to_mend() -> None:
    with pytest.raises(JobError, match="no rows"):
        length_of(duration(epochs=1), rows=0, tokens=0, sequences=4)


def test_each_pass_sees_each_row_once_in_another_order() -> None:
    order = row_order(Length(steps=5, rows=10, sequences=4), seed=1)
    assert len(order) == 20
    assert sorted(order[:10]) == sorted(order[10:]) == list(range(10))
    assert list(order[:10]) != list(order[10:])


def test_the_order_depends_on_the_seed_only() -> None:
    short, long = Length(2, 10, 4), Length(20, 10, 4)
    assert np.array_equal(row_order(short, 1), row_order(long, 1)[:8])
    assert not np.array_equal(row_order(short, 1), row_order(short, 2))


def test_every() -> None:
    assert every_steps(Every(steps=5, fraction=None), 100) == 5
    assert every_steps(Every(steps=None, fraction=0.25), 100) == 25
    assert every_steps(Every(steps=None, fraction=0.001), 100) == 1


def rates(schedule: dict[str, object], steps: int = 100, lr: float = 1.0) -> list[float]:
    """The learning rate of each step, from the scheduler that transformers builds."""
    said = scheduler_settings(Schedule.model_validate({"decay": None} | schedule), lr, steps)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)
    scheduler = get_scheduler(
        said["lr_scheduler_type"], optimizer, said["warmup_steps"], steps, said["lr_scheduler_kwargs"]
    )
    seen = []
    for _ in range(steps):
        seen.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    return [*seen, scheduler.get_last_lr()[0]]


@pytest.mark.parametrize("kind", ["cosine", "linear", "wsd"])
@pytest.mark.parametrize("floor", [0.0, 0.1])
def test_decays_from_the_peak_to_the_floor(kind: str, floor: float) -> None:
    seen = rates({"type": kind, "warmup": 0.1, "floor": floor})
    assert seen[5] == pytest.approx(0.5 if kind != "wsd" else floor + (1 - floor) * 0.5)
    assert seen[10] == pytest.approx(1.0)
    assert seen[-1] == pytest.approx(floor, abs=1e-6)
    assert seen[10:] == sorted(seen[10:], reverse=True)


def test_constant_stays() -> None:
    seen = rates({"type": "constant", "warmup": 3, "floor": 1.0})
    assert seen[:4] == pytest.approx([0, 1 / 3, 2 / 3, 1]) and set(seen[3:]) == {1.0}


def test_wsd_is_flat_until_its_decay() -> None:
    seen = rates({"type": "wsd", "warmup": 0.1, "floor": 0.0, "decay": 0.2})
    assert seen[80] == pytest.approx(1.0) and seen[90] == pytest.approx(0.5)


def test_wsd_that_is_longer_than_the_run() -> None:
    with pytest.raises(JobError, match="longer than the run"):
        rates({"type": "wsd", "warmup": 60, "floor": 0.0, "decay": 0.5})
