"""When a run counts as diverged: on recorded curves, made-up ones, and a real run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from smolc.runtime.train.diverged import Diverged, Divergence

CURVES = json.loads((Path(__file__).parent / "curves.json").read_text(encoding="utf-8"))


def stopped_at(
    losses: list[float], steps: int, warmup: int = 0, every: int = 1, bounded: bool = True
) -> int | None:
    """The step at which a run with these losses is stopped; logged at the first step and every `every`."""
    watch = Divergence(steps, warmup, bounded)
    for step, loss in rows(losses, every):
        try:
            watch.check(step, loss)
        except Diverged as error:
            return error.step
    return None


def rows(losses: list[float], every: int) -> list[tuple[int, float]]:
    found, since = [], 0
    for step in range(1, len(losses) + 1):
        if step == 1 or step % every == 0:
            part = losses[since:step]
            found.append((step, sum(part) / len(part)))
            since = step
    return found


@pytest.mark.parametrize("every", [1, 5, 10])
@pytest.mark.parametrize("name", [n for n, c in CURVES.items() if not c["diverged"]])
def test_recorded_runs_that_learn_are_left_alone(name: str, every: int) -> None:
    curve = CURVES[name]
    assert stopped_at(curve["loss"], curve["steps"], curve["warmup"], every) is None


@pytest.mark.parametrize("every", [1, 5, 10])
@pytest.mark.parametrize("name", [n for n, c in CURVES.items() if c["diverged"]])
def test_recorded_runs_that_explode_stop_early(name: str, every: int) -> None:
    curve = CURVES[name]
    found = stopped_at(curve["loss"], curve["steps"], curve["warmup"], every)
    assert found is not None and found < 0.5 * curve["steps"]
    assert stopped_at(curve["loss"], curve["steps"], curve["warmup"], every, bounded=False) is None


def falling(start: float, end: float, steps: int) -> list[float]:
    return [end + (start - end) * 0.97**i for i in range(steps)]


FINE = falling(2.0, 1.2, 200)
STEPS = 200


@pytest.mark.parametrize(
    ("losses", "at"),
    [
        pytest.param(FINE, None, id="learns"),
        pytest.param([2.0] * STEPS, None, id="learns nothing"),
        pytest.param(FINE[:100] + [9.0] * 15 + FINE[100:185], None, id="a spike that recovers"),
        pytest.param(FINE[:100] + [9.0, 1.3] * 50, None, id="spikes all the time"),
        pytest.param(FINE[:100] + [9.0] * 100, 120, id="explodes late"),
        pytest.param([2.0] + [8.0] * 199, 21, id="explodes at once"),
        pytest.param(falling(11.0, 3.0, 100) + [7.4] * 100, 120, id="back to unigrams, below the first loss"),
        pytest.param([3.5, 0.4] * 100, None, id="noise of small batches"),
        pytest.param([0.3] + [1.7] * 199, None, id="an easy first batch"),
        pytest.param(falling(0.69, 0.02, 150) + [0.9] * 50, None, id="a preference loss that worsens"),
        pytest.param([-2.0] * STEPS, None, id="a loss below zero"),
        pytest.param([-2.0] * 20 + [1.2] * 180, 40, id="a loss below zero that explodes"),
        pytest.param([2.0] * 10 + [6.0] * 30 + [2.0] * 160, None, id="within the warm-up"),
    ],
)
def test_bound(losses: list[float], at: int | None) -> None:
    warmup = 30 if losses[10:12] == [6.0, 6.0] else 0
    assert stopped_at(losses, STEPS, warmup) == at


def test_rare_losses_need_three() -> None:
    """One value of 100 steps is no course of things: a run of which little is written down goes on."""
    assert stopped_at([2.0] * 100 + [9.0] * 200, 300, every=150) is None
    assert stopped_at([2.0] * 100 + [9.0] * 200, 300, every=25) == 175


def test_what_was_before_a_checkpoint_counts() -> None:
    whole, continued = Divergence(STEPS, 0, True), Divergence(STEPS, 0, True)
    losses = rows(FINE[:100] + [9.0] * 100, 1)
    for step, loss in losses[:110]:
        whole.check(step, loss)
    history = [
        row
        for step, loss in losses[:110]
        for row in ({"step": step, "loss": loss}, {"step": step, "eval_loss": 1.0})
    ]
    continued.past(history)
    assert (continued.lowest, continued.first) == (whole.lowest, whole.first)
    said = []
    for watch in (whole, continued):
        with pytest.raises(Diverged) as caught:
            for step, loss in losses[110:]:
                watch.check(step, loss)
        said.append(caught.value.message)
    assert said[0] == said[1]
    assert "step 120 of 200" in said[0] and "since step 101" in said[0] and "the first 2" in said[0]
