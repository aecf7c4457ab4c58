"""Whatever `log_every` is, what a run ends with is looked at: its last losses, the held-out one, and the weights."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from compiled import MODEL, TRAIN, context_of, read_metrics, write_folder
from transformers import AutoModelForCausalLM

from smolc.runtime.jobs.errors import JobError
from smolc.runtime.train import run
from smolc.runtime.train.diverged import Diverged
from smolc.runtime.train.rows import Counts
from smolc.runtime.train.save import not_finite
from smolc.runtime.train.steps import Length
from smolc.runtime.train.watch import Watch

STEPS = 8


def watching(folder: Path, **said: Any) -> Watch:
    """A watch over 8 steps of one row."""
    write_folder(folder, MODEL, TRAIN | {"log_every": 5} | said)
    context = context_of(folder, "sft")
    context.out.mkdir(parents=True, exist_ok=True)
    ones = np.ones(STEPS, dtype=np.int64)
    watch = Watch(context, Length(STEPS, STEPS, 1), Counts(ones, ones), np.arange(STEPS), keep=1)
    watch.trainer = SimpleNamespace(first_bad_step=None, args=SimpleNamespace(fp16=False))
    return watch


def logged_after(watch: Watch, step: int, saves: bool = False) -> bool:
    state = SimpleNamespace(global_step=step, is_world_process_zero=False)
    control = SimpleNamespace(should_log=False, should_save=saves, should_training_stop=False)
    watch.on_step_end(None, state, control)
    return bool(control.should_log)


def test_the_last_step_and_checkpoints_are_logged(tmp_path: Path) -> None:
    watch = watching(tmp_path)
    assert [step for step in range(1, STEPS + 1) if logged_after(watch, step)] == [8]
    assert logged_after(watch, 3, saves=True), (
        "what a checkpoint does not hold, a run that goes on would lack"
    )


def test_so_is_the_end_of_a_part(tmp_path: Path) -> None:
    watch = watching(tmp_path, part={"before": None, "verdict": None, "until": 0.75})
    assert watch.last == 6 and logged_after(watch, 6)


@pytest.mark.parametrize(
    ("logs", "first_bad", "said", "help"),
    [
        ({"eval_loss": float("nan")}, None, "the held-out loss became nan by step 8 of 8", "learning rate"),
        ({"eval_loss": float("inf")}, None, "the held-out loss became inf by step 8 of 8", "learning rate"),
        ({"loss": float("nan")}, 7, "the loss became nan at step 7 of 8", "learning rate"),
        ({"loss": float("nan")}, 1, "the loss was nan from step 1 of 8 on", "the start model"),
    ],
)
def test_no_number_ends_the_run(
    tmp_path: Path, logs: dict[str, float], first_bad: int | None, said: str, help: str
) -> None:
    watch = watching(tmp_path)
    watch.trainer.first_bad_step = None if first_bad is None else torch.tensor(first_bad)
    with pytest.raises(Diverged, match=said) as caught:
        watch.on_log(None, SimpleNamespace(global_step=8, is_world_process_zero=True), None, logs)
    assert help in (caught.value.help or "")


def test_trained_weights_that_are_no_numbers_are_named() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2))
    accelerator = SimpleNamespace(device="cpu", unwrap_model=lambda m, **_: m, reduce=lambda t, _: t)
    trainer = SimpleNamespace(accelerator=accelerator, model_wrapped=model)
    assert not_finite(trainer) == []
    with torch.no_grad():
        model[0].weight[1, 1] = float("nan")
        model[1].bias[0] = float("inf")
    assert not_finite(trainer) == ["0.weight", "1.bias"]
    model[0].requires_grad_(False)
    assert not_finite(trainer) == ["1.bias"]


@pytest.mark.slow
def test_its_value_is_a_mean_over_the_steps_since_the_one_before(train: Callable[..., Path]) -> None:
    said = {"duration": {"epochs": None, "steps": STEPS, "tokens": None}, "save_every": None}
    each = {
        row["step"]: row["loss"] for row in read_metrics(train(log_every=1, **said), "sft") if "loss" in row
    }
    folder = train(log_every=5, **said, title="again")
    found = {row["step"]: row["loss"] for row in read_metrics(folder, "sft") if "loss" in row}
    means = {1: each[1], 5: sum(each[s] for s in range(2, 6)) / 4, 8: sum(each[s] for s in range(6, 9)) / 3}
    assert found == pytest.approx(means, abs=1e-5)
    result = json.loads((folder / "out/sft/result.json").read_text())
    assert result["train_loss"] == found[8] and result["first_loss"] == found[1]


@pytest.mark.slow
def test_no_model_is_saved_with_such_weights(train: Callable[..., Path], tmp_path: Path) -> None:
    """No loss sees the embedding of a byte that no text has."""
    train(go=False, duration={"epochs": None, "steps": 1, "tokens": None})
    where = tmp_path / "out/base/model"
    model = AutoModelForCausalLM.from_pretrained(where)
    model.config.tie_word_embeddings = False
    apart = AutoModelForCausalLM.from_config(model.config)
    apart.load_state_dict(model.state_dict())
    with torch.no_grad():
        apart.get_input_embeddings().weight[1] = float("nan")
    apart.save_pretrained(where)
    said = "after step 1 of 1 there are weights that are no numbers: model.embed_tokens.weight$"
    with pytest.raises(JobError, match=said):
        run.run(context_of(tmp_path, "sft"))
    assert not (tmp_path / "out/sft/model").exists()
