"""What stays of the checkpoints of a finished run. Without training."""

import json
from pathlib import Path

import pytest
from compiled import TRAIN, context_of, write_folder

from smolc.runtime.jobs.context import Context
from smolc.runtime.train import resume, seal
from smolc.runtime.train.lighten import lighten

WEIGHTS = ("model-00001-of-00002.safetensors", "model.safetensors.index.json", "adapter_model.safetensors")
STATE = ("optimizer.pt", "scheduler.pt", "rng_state_0.pth", "global_step20/bf16_zero_pp_rank_0.pt", "latest")


def finished(folder: Path, **said: object) -> tuple[Context, Path]:
    """A run of 20 steps with two whole checkpoints."""
    write_folder(folder, TRAIN | said)
    context = context_of(folder, "sft")
    checkpoints = folder / "out/sft/checkpoints"
    checkpoints.mkdir(parents=True)
    resume.prepare(checkpoints, resume.made_from(context), "sft")
    for step in (10, 20):
        for name in (*WEIGHTS, *STATE, "trainer_state.json", "tokenizer.json", "chat_template.jinja"):
            path = checkpoints / f"checkpoint-{step}" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("{}")
        seal.seal(checkpoints / f"checkpoint-{step}")
    context.write_result({"steps": 20})
    resume.over(checkpoints, "finished")
    return context, checkpoints


def test_weights_of_earlier_steps_stay(tmp_path: Path) -> None:
    context, checkpoints = finished(tmp_path)
    lighten(context)
    assert [path.name for path in checkpoints.glob("checkpoint-*")] == ["checkpoint-10"], "20 is the model"
    left = {path.name for path in (checkpoints / "checkpoint-10").rglob("*")}
    assert left == {*WEIGHTS, "trainer_state.json", "tokenizer.json", "chat_template.jinja", seal.COMPLETE}


def test_nothing_goes_on_from_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    context, checkpoints = finished(tmp_path)
    lighten(context)
    assert resume.prepare(checkpoints, resume.made_from(context), "sft") is None
    assert (
        "of a finished run the weights alone are kept: starting at the first step" in capsys.readouterr().out
    )
    assert "light" not in json.loads((checkpoints / resume.MARKER).read_text()), "a new run's are whole"
    assert not list(checkpoints.glob("checkpoint-*"))


def test_a_part_of_a_halved_run_is_gone_on_from(tmp_path: Path) -> None:
    context, checkpoints = finished(tmp_path, part={"before": None, "verdict": None, "until": 0.5})
    lighten(context)
    for step in (10, 20):
        assert (checkpoints / f"checkpoint-{step}/optimizer.pt").is_file()
